import test from 'ava'
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
