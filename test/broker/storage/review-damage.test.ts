import test from 'ava'
import type { FileNode } from '../../store/disk.ts'
import { StoredBroker } from './stored-broker.ts'

/** Damages what the journal is told meanwhile. */
async function damage(broker: StoredBroker, act: () => void): Promise<void> {
  await broker.settled()
  const from = newest(broker).content.length
  act()
  await broker.settled()
  const { content } = newest(broker)
  for (let at = from; at < content.length; at++) content[at] = (content[at] as number) ^ 0xff
}

function newest({ disk }: StoredBroker): FileNode {
  const name = [...disk.directory('/data/journal').names.keys()].sort().at(-1)
  return disk.file(`/data/journal/${name}`)
}

test('a queue whose declaration is lost leaves no messages to another', async (t) => {
  const broker = await StoredBroker.start()
  await damage(broker, () => broker.queue('lost'))
  for (let i = 0; i < 10; i++) broker.publish('lost', `${i}`)
  await broker.settled()
  await broker.killed()
  t.deepEqual([...broker.vhost.queues.keys()], [])
  broker.publish(broker.queue('new').name, 'a')
  await broker.settled()
  await broker.killed()
  t.deepEqual(broker.bodies('new'), ['a'])
  broker.end()
})
