import test from 'ava'
import { fromObject } from '../../../src/codec/index.ts'
import { StoredBroker } from './stored-broker.ts'

for (const operation of ['write', 'fdatasync']) {
  test(`what is purged while a checkpoint has its file under way (${operation}) does not come back`, async (t) => {
    const broker = await StoredBroker.start()
    broker.queue('q')
    for (let i = 0; i < 300; i++) broker.publish('q', `${i}`.padEnd(1000, 'x'))
    await broker.settled()
    const purged = broker.at(operation, '.seg', () => broker.queue('q').purge())
    await broker.checkpoint()
    await purged
    await broker.settled()
    t.deepEqual(broker.files, [])
    await broker.killed()
    t.is(broker.queue('q').messageCount, 0)
    t.deepEqual(broker.bodies('q'), [])
    broker.end()
  })
}

test('a file is rewritten whole, whenever its slab gives its memory back meanwhile', async (t) => {
  const files: string[] = []
  for (let ticks = 0; ticks < 20; ticks++) {
    const broker = await StoredBroker.start()
    broker.queue('q')
    for (let i = 0; i < 300; i++) broker.publish('q', `${i}`.padEnd(1000, 'x'))
    await broker.settled()
    await broker.checkpoint()
    broker.consume('q', 200)
    await broker.settled()
    const [slab] = [...broker.queue('q').slabs()]
    const running = broker.newCheckpointer().run()
    for (let tick = 0; tick < ticks; tick++) await undefined
    slab?.line.pageOut(slab)
    await running
    await broker.settled()
    files.push(...broker.files)
    await broker.killed()
    const numbers = broker.bodies('q').map((body) => Number.parseInt(body, 10))
    t.deepEqual(
      numbers,
      Array.from({ length: 100 }, (_, index) => 200 + index),
      `after ${ticks} ticks`,
    )
    broker.end()
  }
  // Mostly it could be rewritten.
  t.true(files.filter((file) => file === '0000000002.seg').length >= 10)
})

test('a file whose messages are all alive is not rewritten because few of them are persistent', async (t) => {
  const broker = await StoredBroker.start()
  broker.queue('q')
  for (let i = 0; i < 300; i++) broker.publish('q', `${i}`.padEnd(1000, 'x'), { persistent: i % 3 === 0 })
  await broker.settled()
  await broker.checkpoint()
  const { files } = broker
  t.is(files.length, 1)
  await broker.checkpoint()
  t.deepEqual(broker.files, files)
  broker.end()
})

test('many transient messages in files are no reason for a checkpoint', async (t) => {
  const broker = await StoredBroker.start({ messageMemory: 64 * 1024 })
  broker.queue('q')
  for (let mebibytes = 0; mebibytes < 36; mebibytes++) {
    for (let i = 0; i < 16; i++) broker.publish('q', 'x'.repeat(64 * 1024 - 100), { persistent: false })
    await broker.turn()
  }
  await broker.until(() => (broker.node.context.storage.segments?.bytes ?? 0) > 34 * 1024 * 1024)
  const checkpointer = broker.newCheckpointer()
  checkpointer.check()
  await broker.settled()
  t.is(checkpointer.count, 0)
  broker.end()
})

test('a checkpoint for which the disk has no room does not fill it', async (t) => {
  const broker = await StoredBroker.start()
  for (let number = 0; number < 50; number++) broker.publish(broker.queue(`small${number}`).name, 'x'.repeat(1000))
  for (let i = 0; i < 100; i++) broker.publish(broker.queue('large').name, 'x'.repeat(1000))
  await broker.settled()
  broker.layer.options = {
    fault: (operation, path) => (operation === 'write' && path.includes('.seg') ? { error: noRoom() } : undefined),
  }
  const checkpointer = broker.newCheckpointer()
  await t.throwsAsync(checkpointer.run(), { code: 'ENOSPC' })
  await broker.settled()
  const { bytes } = broker.journal
  await t.throwsAsync(checkpointer.run(), { code: 'ENOSPC' })
  await broker.settled()
  t.is(broker.journal.bytes, bytes)
  broker.layer.options = {}
  await checkpointer.run()
  t.is(broker.files.length, 1)
  await broker.killed()
  t.is(broker.queue('large').messageCount, 100)
  t.is(broker.queue('small49').messageCount, 1)
  broker.end()
})

test('the journal becomes short also when there is no room to rewrite a file', async (t) => {
  const broker = await StoredBroker.start()
  broker.queue('q')
  for (let i = 0; i < 300; i++) broker.publish('q', `${i}`.padEnd(1000, 'x'))
  await broker.settled()
  await broker.checkpoint()
  broker.consume('q', 200)
  await broker.settled()
  broker.layer.options = {
    fault: (operation, path) => (operation === 'write' && path.includes('.seg') ? { error: noRoom() } : undefined),
  }
  const checkpointer = broker.newCheckpointer()
  await t.throwsAsync(checkpointer.run(), { code: 'ENOSPC' })
  t.is(checkpointer.count, 1)
  t.is(broker.journal.fileCount, 2)
  await broker.killed()
  t.is(broker.queue('q').messageCount, 100)
  t.is(broker.bodies('q').length, 100)
  broker.end()
})

test('what a checkpoint appends anew is not appended again before as much has been written', async (t) => {
  const broker = await StoredBroker.start()
  broker.queue('keys', { 'x-message-deduplication': true, 'x-cache-size': 30_000 })
  for (let i = 0; i < 30_000; i++) {
    broker.publish('keys', '', { headers: { 'x-deduplication-header': String(i).padEnd(80) } })
  }
  broker.queue('keys').purge()
  await broker.settled()
  const checkpointer = broker.newCheckpointer()
  await checkpointer.run()
  const appended = async (bytes: number) => {
    for (let i = 0; i < bytes; i += 100_000) broker.publish(broker.queue('now').name, 'x'.repeat(100_000))
    broker.queue('now').purge()
    await broker.settled()
    checkpointer.check()
    await broker.settled()
    return checkpointer.count
  }
  t.is(await appended(2_000_000), 1)
  t.is(await appended(1_100_000), 2)
  broker.end()
})

test('few messages that stay in many queues are moved out of the journal: a start lays them out for each', async (t) => {
  const broker = await StoredBroker.start()
  const fanout = broker.vhost.exchange('amq.fanout')
  const names = Array.from({ length: 20 }, (_, index) => `q${index}`)
  for (const name of names) broker.vhost.bind(fanout, broker.queue(name), '', fromObject({}))
  const checkpointer = broker.newCheckpointer()
  const publish = async () => {
    for (let i = 0; i < 150; i++) broker.publish('', 'x'.repeat(1000), { exchange: 'amq.fanout' })
    await broker.settled()
  }
  await publish()
  for (const name of names) broker.consume(name, 150)
  checkpointer.check()
  await broker.settled()
  t.is(checkpointer.count, 0)
  await publish()
  checkpointer.check()
  await broker.until(() => checkpointer.count > 0)
  t.is(broker.files.length, 20)
  await broker.killed()
  for (const name of names) t.is(broker.queue(name).messageCount, 150)
  broker.end()
})

test('that a file cannot be synced is said once', async (t) => {
  const fatal: Error[] = []
  const broker = await StoredBroker.start({ onFatal: (error) => fatal.push(error) })
  for (let i = 0; i < 100; i++) broker.publish(broker.queue('q').name, 'x'.repeat(20_000))
  await broker.settled()
  broker.layer.options = {
    fault: (operation, path) => (operation === 'fdatasync' && path.includes('.seg') ? { error: noRoom() } : undefined),
  }
  const checkpointer = broker.newCheckpointer()
  for (let turns = 0; turns < 50; turns++) {
    checkpointer.check()
    await broker.turn()
  }
  t.is(fatal.length, 1)
  broker.end()
})

function noRoom(): Error {
  return Object.assign(new Error('ENOSPC: injected'), { code: 'ENOSPC' })
}
