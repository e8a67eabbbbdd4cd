import { join } from 'node:path'
import amqplib from 'amqplib'
import test, { type ExecutionContext } from 'ava'
import { AmopClient } from '../../src/amop-client.ts'
import { leveret, type Program, temporaryDirectory } from '../helpers/program.ts'
import { until } from '../helpers/until.ts'

function start(t: ExecutionContext, dataDir: string): Promise<Program> {
  return leveret(t, ['start', '--port', '0', '--amop-port', '0', '--data-dir', dataDir]).ready()
}

/** An SDK with the files that the broker has made in its data directory. */
async function connect(t: ExecutionContext, program: Program, dataDir: string): Promise<AmopClient> {
  const [, port] = / amop=\S+:(\d+)/.exec(program.stdout) ?? []
  const client = await AmopClient.connect({
    nodes: [`127.0.0.1:${port}`],
    certsDirectory: join(dataDir, 'amop', 'sdk'),
  })
  t.teardown(() => client.close())
  return client
}

test('a broker that is killed has lost nothing of what an SDK gets that comes later', async (t) => {
  const dataDir = join(await temporaryDirectory(t), 'data')
  const first = await start(t, dataDir)
  const connection = await amqplib.connect(`amqp://127.0.0.1:${first.address().port}`)
  connection.on('error', () => {})
  const channel = await connection.createConfirmChannel()
  channel.on('error', () => {})
  await channel.assertQueue('q', { durable: true, arguments: { 'x-amop-deliver': 'news' } })
  const count = 500
  for (let number = 1; number <= count; number++) {
    channel.sendToQueue('q', Buffer.from(String(number)), { persistent: true })
  }
  await channel.waitForConfirms()
  const early = await connect(t, first, dataDir)
  const handled: number[] = []
  let held = 0
  let release = (): void => {}
  const released = new Promise<void>((resolve) => {
    release = resolve
  })
  await early.subscribe('news', ({ data }) => {
    if (handled.length < 100) {
      handled.push(Number(data))
      return undefined
    }
    held++
    return released.then(() => 'too late')
  })
  await until('it has some in hand', () => held === 8)
  first.child.kill('SIGKILL')
  release()
  await early.close()
  await first.exit()

  const second = await start(t, dataDir)
  const late = await connect(t, second, dataDir)
  await late.subscribe('news', ({ data }) => {
    handled.push(Number(data))
  })
  await until('the last', () => handled.at(-1) === count)
  const rest = handled.slice(100)
  // What had been answered in the last moments may come again, from some point on; nothing is left out.
  t.true((rest[0] as number) <= 101, `${rest[0]} after 100`)
  t.deepEqual(
    rest,
    Array.from({ length: rest.length }, (_, index) => (rest[0] as number) + index),
  )
})
