import test from 'ava'
import { Disk } from '../store/disk.ts'
import { Random } from '../store/random.ts'
import { turn } from './load.ts'
import { NodeHost } from './node-host.ts'

const TURNS_MAX = 200

test('a broker whose power goes while it is reset is as before or as at its first start', async (t) => {
  const found = new Set<string>()
  for (let cutAt = 1; ; cutAt++) {
    const random = new Random(cutAt)
    // So small that records which need not stay together are parted.
    const host = new NodeHost(new Disk(), random, { journalBytes: 100_000, batchBytes: 120, sync: 'always' })
    await host.start()
    for (const name of ['one', 'two', 'three']) host.node.addVirtualHost(name)
    host.node.addUser('ann', 'secret', ['one'])
    const { journal } = host.node.context
    await journal.flush()
    const { layer } = host
    layer.options = { random, cutAt: layer.operations + cutAt }
    host.node.reset()
    for (let turns = 0; turns < TURNS_MAX && !layer.isCut && journal.completed < journal.appended; turns++) await turn()
    const isWhole = !layer.isCut
    await host.kill()
    await host.start()
    const { users, virtualHosts } = host.node
    found.add(`${users.names().sort()} in ${virtualHosts.names().sort()}`)
    await host.stop()
    if (isWhole) break
  }
  t.deepEqual([...found].sort(), ['ann,guest in /,one,three,two', 'guest in /'])
})
