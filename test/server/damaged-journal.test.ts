import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { Broker } from '../../src/index.ts'
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
