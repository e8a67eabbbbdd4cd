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
