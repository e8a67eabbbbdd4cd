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
