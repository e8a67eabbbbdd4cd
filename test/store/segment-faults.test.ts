import test from 'ava'
import { openSegments, type SegmentRef, type Segments, SyncError } from '../../src/store/index.ts'
import { Disk, failure } from './disk.ts'
import { DiskLayer, type Fault } from './disk-layer.ts'
import { baseSeed, Random } from './random.ts'

const DIRECTORY = '/data/segments'
const WRITES = new Set(['open', 'write'])
const SYNCS = new Set(['fdatasync', 'syncDirectory'])
/** More than are kept open, so that some are opened anew to be synced. */
const FILES = 20

interface Run {
  readonly layer: DiskLayer
  readonly segments: Segments
  /** True once the fault has been. */
  readonly hit: () => boolean
}

/** Plays with one fault at its nth operation of a kind; returns false when there are not so many. */
async function playFault(
  operations: ReadonlySet<string>,
  nth: number,
  fault: (length: number) => Fault,
  play: (run: Run) => Promise<void>,
): Promise<boolean> {
  const layer = new DiskLayer(new Disk())
  await layer.mkdir('/data')
  await layer.syncDirectory('/')
  const segments = await openSegments({ directory: '/data', files: layer })
  let count = 0
  layer.options = {
    fault: (operation, _path, length) => (operations.has(operation) && ++count === nth ? fault(length) : undefined),
  }
  await play({ layer, segments, hit: () => count >= nth })
  return count >= nth
}

function payloadOf(index: number): Buffer {
  // One has several pieces to write.
  return Buffer.alloc(index === 7 ? 1_100_000 : 100 * index, index)
}

async function checkAll(layer: DiskLayer, refs: readonly SegmentRef[]): Promise<void> {
  const segments = await openSegments({ directory: '/data', files: layer })
  for (const ref of refs) {
    const { payload, damaged } = await segments.read(ref)
    if (damaged.length > 0) throw new Error(`segment ${ref.id} is damaged`)
    const index = payload[0] ?? 0
    if (!payload.equals(payloadOf(index))) throw new Error(`segment ${ref.id} is not as written`)
  }
  await segments.close()
}

for (const code of ['ENOSPC', 'EIO']) {
  test(`a segment that cannot be written for ${code} leaves nothing, and the others are whole`, async (t) => {
    let played = 0
    for (let nth = 1; ; nth++) {
      const isPlayed = await playFault(
        WRITES,
        nth,
        () => ({ error: failure(code, 'here') }),
        async ({ layer, segments, hit }) => {
          const refs: SegmentRef[] = []
          let refused = 0
          const writes = Array.from({ length: FILES }, (_, index) => segments.write(payloadOf(index)))
          for (const write of writes) {
            try {
              refs.push(await write)
            } catch (error) {
              t.is((error as NodeJS.ErrnoException).code, code)
              refused++
            }
          }
          // The last of them is written once more, in a file of its own.
          if (refused > 0) refs.push(await segments.write(payloadOf(FILES)))
          t.is(refused, hit() ? 1 : 0)
          const names = [...layer.disk.directory(DIRECTORY).names.keys()].sort()
          t.is(names.length, refs.length, names.join())
          t.deepEqual(
            segments.ids,
            refs.map(({ id }) => id),
          )
          await segments.sync(refs)
          await segments.close()
          t.is(layer.opened.size, 0)
          layer.options = {}
          layer.disk.crash(new Random(nth))
          await checkAll(layer, refs)
        },
      )
      if (!isPlayed) break
      played++
    }
    t.true(played >= 3 * FILES, `${played} operations`)
  })
}

test('a write that takes fewer bytes is continued', async (t) => {
  const seed = baseSeed()
  t.log(`STORE_SEED=${seed}`)
  const random = new Random(seed)
  const layer = new DiskLayer(new Disk())
  await layer.mkdir('/data')
  const segments = await openSegments({ directory: '/data', files: layer })
  let shortened = 0
  layer.options = {
    fault: (operation, _path, length) => {
      if (operation !== 'write' || length < 2 || random.chance(0.3)) return undefined
      shortened++
      return { takes: random.between(1, length - 1) }
    },
  }
  const refs: SegmentRef[] = []
  for (let index = 0; index < FILES; index++) refs.push(await segments.write(payloadOf(index)))
  await segments.close()
  t.true(shortened > FILES)
  await checkAll(layer, refs)
})

test('on a full disk a segment is refused and its room given back; with room again the next is written', async (t) => {
  const disk = new Disk()
  const layer = new DiskLayer(disk)
  await layer.mkdir('/data')
  const segments = await openSegments({ directory: '/data', files: layer })
  const first = await segments.write(payloadOf(5))
  const before = disk.usedBytes
  layer.options = { capacityBytes: before + 1_080_000 }
  for (let count = 0; count < 3; count++) {
    await t.throwsAsync(segments.write(payloadOf(7)), { code: 'ENOSPC' })
    t.is(disk.usedBytes, before)
  }
  t.is(segments.bytes, before)
  const small = await segments.write(payloadOf(6))
  layer.options = {}
  const large = await segments.write(payloadOf(7))
  await segments.sync([first, small, large])
  await segments.close()
  await checkAll(layer, [first, small, large])
})

test('a write that takes nothing, without an error, is a full disk', async (t) => {
  const layer = new DiskLayer(new Disk())
  await layer.mkdir('/data')
  const segments = await openSegments({ directory: '/data', files: layer })
  layer.options = { fault: (operation) => (operation === 'write' ? { takes: 0 } : undefined) }
  await t.throwsAsync(segments.write(payloadOf(1)), { code: 'ENOSPC' })
  t.is(layer.disk.directory(DIRECTORY).names.size, 0)
  await segments.close()
})

test('a sync that fails is not tried again, nothing is written after it, and what was synced is there', async (t) => {
  let played = 0
  for (let nth = 1; ; nth++) {
    const isPlayed = await playFault(
      SYNCS,
      nth,
      () => ({ error: failure('EIO', 'here', 'fdatasync') }),
      async ({ layer, segments, hit }) => {
        const safe: SegmentRef[] = []
        let failed: unknown
        let left: SegmentRef[] = []
        for (let round = 0; round < 3 && failed === undefined; round++) {
          left = await Promise.all(Array.from({ length: FILES }, (_, index) => segments.write(payloadOf(index + 1))))
          try {
            await segments.sync(left)
            safe.push(...left)
          } catch (error) {
            failed = error
          }
        }
        t.is(failed !== undefined, hit())
        if (failed !== undefined) {
          t.true(failed instanceof SyncError, `sync ${nth}`)
          const { operations } = layer
          t.is(await t.throwsAsync(segments.sync(left)), failed as SyncError)
          t.is(await t.throwsAsync(segments.write(payloadOf(1))), failed as SyncError)
          t.is(layer.operations, operations)
          // What is there can still be read.
          t.deepEqual((await segments.read(left[0] as SegmentRef)).damaged, [])
        }
        await segments.close()
        t.is(layer.opened.size, 0)
        layer.options = {}
        layer.disk.crash(new Random(nth))
        await checkAll(layer, safe)
      },
    )
    if (!isPlayed) break
    played++
  }
  t.is(played, 3 * (FILES + 1))
})

/** A disk that has no descriptors left for so many calls. */
class FullTable extends DiskLayer {
  /** Calls from here on that are refused. */
  refused = 0

  override open(path: string, mode: 'r' | 'r+' | 'wx+'): Promise<number> {
    return this.refused-- > 0 ? Promise.reject(failure('EMFILE', path, 'open')) : super.open(path, mode)
  }

  override syncDirectory(path: string): Promise<void> {
    return this.refused-- > 0 ? Promise.reject(failure('EMFILE', path, 'open')) : super.syncDirectory(path)
  }
}

test('a sync that finds no descriptor has not failed: it is tried again, and says yes when it is true', async (t) => {
  for (let before = 0; before < 6; before++) {
    const layer = new FullTable(new Disk())
    await layer.mkdir('/data')
    await layer.syncDirectory('/')
    const segments = await openSegments({ directory: '/data', files: layer })
    const refs: SegmentRef[] = []
    for (let index = 0; index < FILES; index++) refs.push(await segments.write(payloadOf(index + 1)))
    // Either some of the files that are opened anew, or the directory.
    const [some, others] = before < 5 ? [refs.slice(0, before + 1), refs] : [refs.slice(FILES - 1), refs]
    layer.refused = 1
    await t.throwsAsync(segments.sync(some), { code: 'EMFILE' })
    layer.refused = 0
    await segments.sync(others)
    await segments.close()
    t.is(layer.opened.size, 0)
    layer.disk.crash(new Random(before))
    await checkAll(layer, refs)
  }
})

test('an error while opening is told in one line, and the next attempt works', async (t) => {
  for (let nth = 1; ; nth++) {
    const disk = new Disk()
    const layer = new DiskLayer(disk)
    await layer.mkdir('/data')
    let count = 0
    layer.options = { fault: () => (++count === nth ? { error: failure('EIO', 'here', 'fsync') } : undefined) }
    try {
      await (await openSegments({ directory: '/data', files: layer })).close()
      if (count < nth) break
    } catch (error) {
      t.regex((error as Error).message, /^cannot open the segments: EIO/)
    }
    layer.options = {}
    const segments = await openSegments({ directory: '/data', files: layer })
    const ref = await segments.write(payloadOf(1))
    await segments.close()
    await checkAll(layer, [ref])
  }
})
