import test from 'ava'
import { failure } from '../../store/disk.ts'
import { StoredBroker } from './stored-broker.ts'

const QUEUES = 8
const MESSAGES = 200
const LEFT = 50

test('what was rewritten before the disk was full replaces its old files nevertheless', async (t) => {
  const broker = await StoredBroker.start()
  for (let number = 0; number < QUEUES; number++) {
    for (let i = 0; i < MESSAGES; i++) broker.publish(broker.queue(`q${number}`).name, `${number}.${i}`.padEnd(1000))
  }
  await broker.settled()
  await broker.checkpoint()
  t.is(broker.files.length, QUEUES)
  for (let number = 0; number < QUEUES; number++) broker.consume(`q${number}`, MESSAGES - LEFT)
  await broker.settled()
  await broker.restarted()
  let writes = 0
  broker.layer.options = {
    fault: (operation, path) =>
      operation === 'open' && path.endsWith('.seg') && ++writes > QUEUES / 2
        ? { error: failure('ENOSPC', path) }
        : undefined,
  }
  const checkpointer = broker.newCheckpointer()
  await t.throwsAsync(checkpointer.run(), { code: 'ENOSPC' })
  await broker.settled()
  t.is(writes, QUEUES / 2 + 1)
  t.is(broker.files.length, QUEUES)
  broker.layer.options = {}
  await broker.cutOff()
  for (let number = 0; number < QUEUES; number++) {
    const expected = Array.from({ length: LEFT }, (_, index) => `${number}.${MESSAGES - LEFT + index}`)
    t.deepEqual(
      broker.bodies(`q${number}`).map((body) => body.trimEnd()),
      expected,
    )
  }
  broker.end()
})
