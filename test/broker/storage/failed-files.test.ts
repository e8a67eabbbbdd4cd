import test from 'ava'
import { StoredBroker } from './stored-broker.ts'

const BYTES = 1000
const MEBIBYTE = 1024 * 1024

/** A broker with a queue, most of which lies in files that no checkpoint has synced. */
async function withFiles(onFatal?: (error: Error) => void): Promise<{ broker: StoredBroker; bodies: string[] }> {
  const broker = await StoredBroker.start({ messageMemory: 64 * 1024, ...(onFatal === undefined ? {} : { onFatal }) })
  broker.queue('q')
  const bodies = Array.from({ length: 400 }, (_, index) => `${index}`.padEnd(BYTES))
  for (const body of bodies) {
    broker.publish('q', body)
    await broker.turn()
  }
  await broker.settled()
  await broker.until(() => broker.files.length > 2)
  return { broker, bodies }
}

/** What the system does with what it could not write. */
function dropUnsynced(broker: StoredBroker): void {
  for (const name of broker.files) broker.disk.file(`/data/segments/${name}`).drop()
}

function failure(code: string, path: string): Error {
  return Object.assign(new Error(`${code}: injected, ${path}`), { code })
}

test('a file that has lost what was never synced ends the broker, and the next one has its messages', async (t) => {
  const told: string[] = []
  const { broker, bodies } = await withFiles(({ message }) => told.push(message))
  dropUnsynced(broker)
  // Somebody looks, and a checkpoint would look as well.
  t.true(broker.bodies('q').length < bodies.length)
  await broker.until(() => told.length > 0)
  t.regex(told[0] as string, /^segment \d+, which was not synced yet, is not what was written/)
  await broker.restarted()
  t.is(told.length, 1)
  t.deepEqual(broker.bodies('q'), bodies)
  broker.end()
})

test('a stop after a failed sync does no last checkpoint with what the system may have dropped', async (t) => {
  const told: string[] = []
  const broker = await StoredBroker.start({
    messageMemory: 64 * 1024,
    journalBytes: 4 * MEBIBYTE,
    onFatal: ({ message }) => told.push(message),
  })
  // Each has less than a file of its own is worth, so that a last checkpoint would read them back.
  const names = Array.from({ length: 60 }, (_, number) => `q${number}`)
  const bodies = Array.from({ length: 20 }, (_, index) => `${index}`.padEnd(BYTES))
  for (const name of names) {
    broker.queue(name)
    for (const body of bodies) broker.publish(name, body)
    await broker.settled()
  }
  await broker.until(() => broker.files.length > 30)
  broker.layer.options = {
    fault: (operation, path) =>
      operation === 'fdatasync' && path.includes('/segments/')
        ? { error: failure('EIO', path), drops: true }
        : undefined,
  }
  // As much as brings a checkpoint of the broker's own.
  broker.queue('large')
  for (let count = 0; count < 3; count++) broker.publish('large', Buffer.alloc(2 * MEBIBYTE, 'x'))
  await broker.until(() => told.length > 0)
  t.regex(told[0] as string, /^cannot sync .*\.seg/)
  broker.layer.options = {}
  broker.queue('large').purge()
  await broker.settled()
  dropUnsynced(broker)
  await broker.restarted()
  for (const name of names) t.deepEqual(broker.bodies(name), bodies, name)
  t.is(told.length, 1)
  broker.end()
})

test('a disk that cannot be read for a moment costs no message', async (t) => {
  const { broker, bodies } = await withFiles()
  await broker.checkpoint()
  await broker.cutOff()
  broker.layer.options = { readFault: (path) => (path.includes('.seg') ? failure('EIO', path) : undefined) }
  t.true(broker.bodies('q').length < bodies.length)
  await broker.settled()
  broker.layer.options = {}
  t.deepEqual(broker.bodies('q'), bodies)
  t.is(broker.queue('q').messageCount, bodies.length)
  broker.end()
})

test('a file that is found damaged in the middle of a transaction does not part it', async (t) => {
  const { broker } = await withFiles()
  await broker.checkpoint()
  await broker.cutOff()
  for (const name of broker.files) {
    const node = broker.disk.file(`/data/segments/${name}`)
    node.content = node.durable = Buffer.alloc(node.content.length)
  }
  broker.queue('other')
  await broker.settled()
  let writes = 0
  broker.layer.options = {
    fault: (operation, path) => {
      if (operation.startsWith('write') && path.includes('/journal/')) writes++
      return undefined
    },
  }
  const { storage } = broker.node.context
  storage.group(() => {
    broker.publish('other', 'one')
    const before = broker.queue('q').messageCount
    broker.queue('q').peek(1)
    t.true(broker.queue('q').messageCount < before)
    t.is(writes, 0)
    broker.publish('other', 'two')
  })
  await broker.settled()
  t.true(writes > 0)
  t.true(broker.files.some((name) => name.startsWith('damaged-')))
  await broker.cutOff()
  t.deepEqual(broker.bodies('other'), ['one', 'two'])
  broker.end()
})

test('files that were replaced by others which could not be synced go with the next checkpoint', async (t) => {
  const { broker, bodies } = await withFiles()
  const checkpointer = broker.newCheckpointer()
  await checkpointer.run()
  await broker.settled()
  const before = broker.files
  // Of each file a quarter stays.
  const queue = broker.queue('q')
  const places = bodies.map(() => broker.take('q'))
  for (const [index, place] of places.entries()) if (index % 4 > 0) queue.acknowledge(place)
  await broker.settled()
  broker.layer.options = {
    fault: (operation, path) =>
      operation === 'syncDirectory' && path.includes('/segments')
        ? { error: Object.assign(failure('EMFILE', path), { syscall: 'open' }) }
        : undefined,
  }
  await t.throwsAsync(checkpointer.run(), { message: /EMFILE/ })
  broker.layer.options = {}
  await broker.settled()
  t.true(before.every((name) => broker.files.includes(name)))
  await checkpointer.run()
  await broker.settled()
  t.false(
    before.some((name) => broker.files.includes(name)),
    broker.files.join(),
  )
  await broker.cutOff()
  t.deepEqual(
    broker.bodies('q'),
    bodies.filter((_, index) => index % 4 === 0),
  )
  broker.end()
})
