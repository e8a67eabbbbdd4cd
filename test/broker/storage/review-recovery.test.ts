import test from 'ava'
import { StoredBroker } from './stored-broker.ts'

test('a file of large messages, most of them acknowledged, is rewritten also after a start', async (t) => {
  const broker = await StoredBroker.start()
  for (let i = 0; i < 10; i++) broker.publish(broker.queue('q').name, `${i}`.padEnd(50_000))
  await broker.settled()
  await broker.checkpoint()
  broker.consume('q', 8)
  await broker.settled()
  await broker.killed()
  const [before] = broker.files
  await broker.checkpoint()
  const [after] = broker.files
  t.not(after, before)
  t.true(broker.disk.file(`/data/segments/${after}`).content.length < 150_000)
  t.deepEqual(
    broker.bodies('q').map((body) => body.trimEnd()),
    ['8', '9'],
  )
  broker.end()
})
