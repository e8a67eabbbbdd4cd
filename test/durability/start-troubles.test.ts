import test from 'ava'
import { failedSync } from '../../src/cli/start/fatal.ts'
import { StartWatch } from '../../src/server/start-watch.ts'
import { RecordingLogger } from '../helpers/recording-logger.ts'
import { until } from '../helpers/until.ts'
import { Disk, failure } from '../store/disk.ts'
import { DiskLayer } from '../store/disk-layer.ts'
import { openNode } from './open-node.ts'

const options = { journalBytes: 1024 * 1024, sync: 'always' } as const

test('a start whose sync fails says so, whichever sync that is', async (t) => {
  let played = 0
  for (let nth = 1; ; nth++) {
    const disk = new Disk()
    await (await openNode(new DiskLayer(disk), options)).close()
    const layer = new DiskLayer(disk)
    let left = nth
    layer.options = {
      fault: (operation, path) =>
        operation === 'fdatasync' && --left === 0 ? { error: failure('EIO', path, operation) } : undefined,
    }
    const outcome = await openNode(layer, options).then(
      (node) => node.close().catch(() => undefined),
      (error: unknown) => error,
    )
    // The first syncs are those of the start; one that comes only with the stop is not its matter.
    if (outcome === undefined) break
    t.regex(failedSync(outcome)?.message ?? String(outcome), /cannot sync/)
    played++
  }
  t.true(played >= 2, `${played} syncs`)
})

test('a start on a disk that takes no record ends, and says why', async (t) => {
  const disk = new Disk()
  await (await openNode(new DiskLayer(disk), options)).close()
  const layer = new DiskLayer(disk)
  layer.options = {
    fault: (operation, path) => (operation === 'writeSync' ? { error: failure('ENOSPC', path, operation) } : undefined),
  }
  await t.throwsAsync(openNode(layer, options), { message: /it cannot be written: ENOSPC/ })
})

test('an error that is no failed sync is none', (t) => {
  t.is(failedSync(new Error('a port in use', { cause: new Error('EADDRINUSE') })), undefined)
})

test('a start that takes long says once what it is doing', async (t) => {
  const log = new RecordingLogger()
  const watch = new StartWatch(log, 1)
  watch.enters(() => 'reading the journal, 7 records so far')
  await until('a line', () => log.lines.length > 0)
  watch.end()
  t.is(log.lines.length, 1)
  t.is(log.lines[0]?.message, 'the start takes long: reading the journal, 7 records so far')
})
