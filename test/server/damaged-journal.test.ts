import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import amqplib from 'amqplib'
import test, { type ExecutionContext } from 'ava'
import { Broker } from '../../src/index.ts'
import { BrokerNode } from '../../src/server/node.ts'
import { resolveOptions } from '../../src/server/options.ts'
import { temporaryDirectory } from '../helpers/program.ts'
import { RecordingLogger } from '../helpers/recording-logger.ts'
import { until } from '../helpers/until.ts'

/** A directory whose broker was stopped in order, with more than one segment file. */
async function filled(t: ExecutionContext): Promise<string> {
  const dataDir = join(await temporaryDirectory(t), 'data')
  await using broker = await Broker.start({ dataDir })
  broker.declareQueue('q', { durable: true })
  const body = Buffer.alloc(4000)
  const message = { routingKey: 'q', body, properties: { deliveryMode: 2 } }
  await Promise.all(Array.from({ length: 800 }, () => broker.publish(message)))
  return dataDir
}

async function restarted(t: ExecutionContext, dataDir: string): Promise<{ broker: Broker; log: RecordingLogger }> {
  const log = new RecordingLogger()
  const broker = await Broker.start({ dataDir, log })
  t.teardown(() => broker.stop())
  return { broker, log }
}

const segmentsOf = (dataDir: string): Promise<string[]> => readdir(join(dataDir, 'segments'))

test('when damage has taken what named them, files with messages are kept under another name', async (t) => {
  const dataDir = await filled(t)
  const before = await segmentsOf(dataDir)
  t.true(before.length > 1, `${before.length} files`)
  const journal = join(dataDir, 'journal')
  const [first] = (await readdir(journal)).sort()
  const path = join(journal, first as string)
  const bytes = await readFile(path)
  bytes[64 + 40] = (bytes[64 + 40] as number) ^ 1
  await writeFile(path, bytes)
  const { log } = await restarted(t, dataDir)
  await until('the files to be kept', async () =>
    (await segmentsOf(dataDir)).every((name) => name.startsWith('damaged-')),
  )
  t.is((await segmentsOf(dataDir)).length, before.length)
  t.true(log.lines.some(({ message }) => message.includes('segment files are kept')))
})

test('when the journal is gone, files with messages are kept under another name', async (t) => {
  const dataDir = await filled(t)
  const before = await segmentsOf(dataDir)
  await rm(join(dataDir, 'journal'), { recursive: true })
  await restarted(t, dataDir)
  await until('the files to be kept', async () =>
    (await segmentsOf(dataDir)).every((name) => name.startsWith('damaged-')),
  )
  t.is((await segmentsOf(dataDir)).length, before.length)
})

test('a virtual host can be added to a directory whose users are others', async (t) => {
  const dataDir = join(await temporaryDirectory(t), 'data')
  await (await Broker.start({ dataDir, user: 'first', password: 'p' })).stop()
  const log = new RecordingLogger()
  const broker = await Broker.start({ dataDir, log, user: 'second', password: 'p' })
  t.teardown(() => broker.stop())
  t.true(log.lines.some(({ message }) => message.includes("there is no user 'second'")))
  broker.addVirtualHost('other')
  t.deepEqual(broker.vhosts, ['/', 'other'])
})

/** A directory with so many queues that its virtual hosts and its user lie in different batches of the checkpoint. */
async function withQueues(t: ExecutionContext): Promise<string> {
  const dataDir = join(await temporaryDirectory(t), 'data')
  await using broker = await Broker.start({ dataDir })
  broker.addVirtualHost('shop')
  for (let i = 0; i < 200; i++) broker.declareQueue(`a queue with a long name ${i}`, { vhost: 'shop', durable: true })
  return dataDir
}

/** Changes a bit of that text wherever the first file of the journal has it: an orderly stop leaves all definitions twice. */
async function damageAt(dataDir: string, text: Buffer): Promise<void> {
  const journal = join(dataDir, 'journal')
  const [first] = (await readdir(journal)).sort()
  const path = join(journal, first as string)
  const bytes = await readFile(path)
  let count = 0
  for (let at = bytes.indexOf(text); at >= 0; at = bytes.indexOf(text, at + 1), count++) {
    bytes[at] = (bytes[at] as number) ^ 1
  }
  if (count < 2) throw new Error(`${path} has it ${count} times`)
  await writeFile(path, bytes)
}

const errorsOf = ({ lines }: RecordingLogger): string[] =>
  lines.filter(({ level }) => level === 'error').map(({ message }) => message)

async function canLogIn(url: string): Promise<boolean> {
  const connection = await amqplib.connect(url).catch(() => undefined)
  await connection?.close()
  return connection !== undefined
}

test('when damage has taken the only user, the default user is made again and can do everything', async (t) => {
  const dataDir = await withQueues(t)
  await damageAt(dataDir, Buffer.from('administrator'))
  const { broker, log } = await restarted(t, dataDir)
  const told = errorsOf(log).filter((message) => message.startsWith('no user is left'))
  t.is(told.length, 1, errorsOf(log).join('\n'))
  t.regex(told[0] ?? '', /^no user is left: 'guest' is made, .*; the journal is damaged: if there is a copy/)
  t.deepEqual(broker.vhosts, ['/', 'shop'])
  t.true(await canLogIn(broker.url))
  t.true(await canLogIn(`${broker.url}/shop`))
  await broker.stop()
  const again = await restarted(t, dataDir)
  t.deepEqual(errorsOf(again.log), [])
  t.true(await canLogIn(`${again.broker.url}/shop`))
})

test('when damage has taken the only virtual host, it is made again, and the users that are left can open it', async (t) => {
  const dataDir = join(await temporaryDirectory(t), 'data')
  const first = await Broker.start({ dataDir })
  // More than one batch of them.
  const names = Array.from({ length: 40 }, (_, i) => `a user with a long name ${i}`)
  for (const name of names) first.addUser(name, 'secret')
  await first.stop()
  await damageAt(dataDir, Buffer.from(names[0] as string))
  const { broker, log } = await restarted(t, dataDir)
  t.true(errorsOf(log).some((message) => message.startsWith("no virtual host is left: '/' is made")))
  t.deepEqual(broker.vhosts, ['/'])
  t.false(await canLogIn(broker.url))
  t.true(await canLogIn(broker.url.replace('guest:guest', `${encodeURIComponent(names.at(-1) as string)}:secret`)))
})

test('a user who was deleted is not made again', async (t) => {
  const dataDir = join(await temporaryDirectory(t), 'data')
  const node = await BrokerNode.open(resolveOptions({ dataDir }))
  node.users.delete('guest')
  await node.close()
  const { broker, log } = await restarted(t, dataDir)
  t.deepEqual(errorsOf(log), [])
  t.true(log.lines.some(({ message }) => message.includes("there is no user 'guest'")))
  t.false(await canLogIn(broker.url))
})
