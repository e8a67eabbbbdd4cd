import test from 'ava'
import { StoredBroker } from './stored-broker.ts'

const QUEUES = 60
const MESSAGES = 20

/** Many queues of which each has less than a file is worth, most of it not in memory. */
async function manyQueues(bytes = 1000): Promise<StoredBroker> {
  const broker = await StoredBroker.start({ messageMemory: 64 * 1024 })
  for (let number = 0; number < QUEUES; number++) {
    broker.queue(`q${number}`)
    for (let i = 0; i < MESSAGES; i++) broker.publish(`q${number}`, `${number}.${i}`.padEnd(bytes))
  }
  await broker.settled()
  await broker.until(() => broker.files.length > QUEUES / 2)
  return broker
}

/** Counts what the disk is asked for. */
function count(broker: StoredBroker, operation: string, path: string): () => number {
  let times = 0
  broker.layer.options = {
    fault: (asked, where) => {
      if (asked === operation && where.includes(path)) times++
      return undefined
    },
  }
  return () => times
}

function expected(number: number, from = 0): string[] {
  return Array.from({ length: MESSAGES - from }, (_, index) => `${number}.${from + index}`)
}

function found(broker: StoredBroker, number: number): string[] {
  return broker.bodies(`q${number}`).map((body) => body.trimEnd())
}

test('an orderly stop syncs no file for each of many queues that have little in them', async (t) => {
  const broker = await manyQueues()
  broker.consume('q3', 5)
  broker.publish('q4', 'gone', { persistent: false })
  const syncs = count(broker, 'fdatasync', '.seg')
  await broker.restarted()
  t.is(syncs(), 0)
  // Nor does a start after it begin with what the stop has saved.
  await broker.settled()
  t.is(count(broker, 'fdatasync', '.seg')(), 0)
  for (let number = 0; number < QUEUES; number++)
    t.deepEqual(found(broker, number), expected(number, number === 3 ? 5 : 0))
  const place = broker.take('q0')
  t.true(place >= 0)
  broker.end()
})

test('files are removed whose messages an orderly stop has put into the journal', async (t) => {
  const broker = await manyQueues()
  await broker.node.close()
  t.deepEqual(broker.files, [])
  broker.end()
})

test('what is too much for the journal gets its files synced by an orderly stop', async (t) => {
  const broker = await manyQueues(2000)
  const syncs = count(broker, 'fdatasync', '.seg')
  // Of a journal that may grow by 1 MiB: 2 MiB are kept.
  await broker.newCheckpointer().stop()
  t.true(syncs() > 0 && syncs() < QUEUES / 3, `${syncs()}`)
  await broker.cutOff()
  for (let number = 0; number < QUEUES; number++) t.deepEqual(found(broker, number), expected(number))
  broker.end()
})

test('a checkpoint appends what small files have while they stay, and a power cut takes none of it', async (t) => {
  const broker = await manyQueues()
  const { files } = broker
  const checkpointer = broker.newCheckpointer()
  await checkpointer.run()
  await broker.settled()
  t.true(files.length > 0 && files.every((file) => broker.files.includes(file)))
  t.true(broker.node.context.memory.used < 200 * 1024, 'they were not kept in memory')
  await broker.cutOff()
  for (let number = 0; number < QUEUES; number++) t.deepEqual(found(broker, number), expected(number))
  broker.end()
})

test('a small file that cannot be opened for now is synced as a large one is', async (t) => {
  const broker = await manyQueues()
  broker.layer.options = {
    fault: (operation, path) =>
      operation === 'open' && path.includes('.seg') ? { error: failure('EMFILE') } : undefined,
  }
  const checkpointer = broker.newCheckpointer()
  await checkpointer.run().catch(() => undefined)
  broker.layer.options = {}
  await checkpointer.run()
  await broker.cutOff()
  for (let number = 0; number < QUEUES; number++) t.deepEqual(found(broker, number), expected(number))
  broker.end()
})

test('a checkpoint that waits for a disk which refuses goes no further when the broker closes', async (t) => {
  const broker = await StoredBroker.start({ journalBytes: 8 * 1024 })
  broker.queue('q')
  const { layer } = broker
  const open = layer.open.bind(layer)
  let goOn: (() => void) | undefined
  layer.open = async (path, mode) => {
    if (path.includes('/segments/')) await new Promise<void>((resolve) => (goOn = resolve))
    return open(path, mode)
  }
  const bodies = Array.from({ length: 100 }, (_, index) => `${index}`.padEnd(1024))
  for (const body of bodies) broker.publish('q', body)
  await broker.until(() => goOn !== undefined)
  layer.options = {
    fault: (operation, path) =>
      operation === 'writeSync' && path.includes('/journal/') ? { error: failure('EIO') } : undefined,
  }
  broker.publish('q', 'last')
  await broker.until(() => broker.journal.failure !== undefined)
  layer.options = {}
  const restarting = broker.restarted()
  // By then the queues are closed.
  for (let turns = 0; turns < 5; turns++) await new Promise((resolve) => setImmediate(resolve))
  goOn?.()
  await restarting
  t.deepEqual(broker.bodies('q'), [...bodies, 'last'])
  await broker.node.close()
})

test('a stop comes to its end when the disk begins to refuse while it is asked for its room', async (t) => {
  const broker = await StoredBroker.start()
  broker.queue('q')
  broker.publish('q', 'confirmed')
  await broker.settled()
  const { layer } = broker
  broker.node.context.storage.isTight = true
  const statfs = layer.statfs.bind(layer)
  layer.statfs = async (path) => {
    layer.options = {
      fault: (operation, path) =>
        operation === 'writeSync' && path.includes('/journal/') ? { error: failure('EIO') } : undefined,
    }
    broker.publish('q', 'not confirmed')
    await broker.until(() => broker.journal.failure !== undefined)
    return statfs(path)
  }
  let outcome: string | undefined
  broker.node.close().then(
    () => (outcome = 'all is written'),
    ({ message }) => (outcome = message),
  )
  await broker.until(() => outcome !== undefined)
  t.regex(outcome as string, /could not be written/)
  await broker.killed()
  t.deepEqual(broker.bodies('q'), ['confirmed'])
  broker.end()
})

function failure(code: string): Error {
  return Object.assign(new Error(`${code}: injected`), { code })
}
