import { endianness } from 'node:os'
import { crc32 } from 'node:zlib'
import test from 'ava'
import {
  type OpenMode,
  openSegments,
  SegmentError,
  type SegmentErrorCode,
  type SegmentRef,
  type Segments,
  systemFiles,
} from '../../src/store/index.ts'
import { BLOCK_BYTES, payloadAt, SEGMENT_FORMAT_VERSION, SEGMENT_HEAD_BYTES } from '../../src/store/segment-head.ts'
import { RecordingLogger } from '../helpers/recording-logger.ts'
import { until } from '../helpers/until.ts'
import { temporaryDirectory } from './directory.ts'
import { Disk, failure } from './disk.ts'
import { DiskLayer } from './disk-layer.ts'
import { turn } from './model.ts'
import { baseSeed, Random } from './random.ts'

const MIB = 1024 * 1024

/** A disk with a data directory, as the journal makes it. */
async function dataDirectory(): Promise<DiskLayer> {
  const layer = new DiskLayer(new Disk())
  await layer.mkdir('/data')
  return layer
}

function pathOf(id: number): string {
  return `/data/segments/${String(id).padStart(10, '0')}.seg`
}

/** Bytes that are quick to make, and differ everywhere. */
function payloadOf(length: number, seed: number): Buffer {
  const payload = Buffer.alloc(length)
  let state = seed
  for (let at = 0; at + 4 <= length; at += 4) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    payload.writeUInt32LE(state, at)
  }
  return payload
}

/** Both ways to read find the same. */
async function readBoth(segments: Segments, ref: SegmentRef) {
  const read = await segments.read(ref)
  const atOnce = segments.readSync(ref)
  if (!read.payload.equals(atOnce.payload) || JSON.stringify(read.damaged) !== JSON.stringify(atOnce.damaged)) {
    throw new Error('the two ways to read differ')
  }
  return read
}

async function codeOf(segments: Segments, ref: SegmentRef): Promise<string | undefined> {
  const codes: (string | undefined)[] = []
  try {
    await segments.read(ref)
    codes.push(undefined)
  } catch (error) {
    codes.push((error as SegmentError).code)
  }
  try {
    segments.readSync(ref)
    codes.push(undefined)
  } catch (error) {
    codes.push((error as SegmentError).code)
  }
  if (codes[0] !== codes[1]) throw new Error(`read says ${codes[0]}, readSync ${codes[1]}`)
  return codes[0]
}

for (const where of ['on this machine', 'on a disk of the test']) {
  test(`a payload of any length comes back, also after a restart, ${where}`, async (t) => {
    const options =
      where === 'on this machine'
        ? { directory: temporaryDirectory(t), files: systemFiles }
        : { directory: '/data', files: await dataDirectory() }
    const lengths = [0, 1, 100, BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1, MIB - 1, MIB, MIB + 1, 3 * MIB + 7]
    let segments = await openSegments(options)
    const written = await Promise.all(
      lengths.map(async (length, index) => {
        const payload = payloadOf(length, index)
        return { payload, ref: await segments.write(payload) }
      }),
    )
    t.is(new Set(written.map(({ ref }) => ref.id)).size, lengths.length)
    for (const restarted of [false, true]) {
      if (restarted) {
        await segments.sync(written.map(({ ref }) => ref))
        await segments.close()
        segments = await openSegments(options)
      }
      t.deepEqual(
        segments.ids,
        written.map(({ ref }) => ref.id).sort((a, b) => a - b),
      )
      t.is(
        segments.bytes,
        lengths.reduce((sum, length) => sum + payloadAt(length) + length, 0),
      )
      for (const { payload, ref } of written) {
        t.is(ref.bytes, payload.length)
        const found = await readBoth(segments, ref)
        t.true(found.payload.equals(payload), `${ref.bytes} bytes`)
        t.deepEqual(found.damaged, [])
      }
    }
    await segments.close()
  })
}

test('a payload is read into the buffer that is given, if it fits', async (t) => {
  const segments = await openSegments({ directory: '/data', files: await dataDirectory() })
  const payload = payloadOf(100_000, 1)
  const ref = await segments.write(payload)
  const into = Buffer.alloc(150_000, 1)
  for (const { payload: found } of [await segments.read(ref, into), segments.readSync(ref, into)]) {
    t.is(found.buffer, into.buffer)
    t.true(found.equals(payload))
  }
  t.true(into.subarray(100_000).every((byte) => byte === 1))
  const short = await segments.read(ref, Buffer.alloc(99_999))
  t.true(short.payload.equals(payload))
  await segments.close()
})

test('an id is never given again, whatever became of its file', async (t) => {
  const files = await dataDirectory()
  const options = { directory: '/data', files }
  let segments = await openSegments(options)
  for (let count = 0; count < 3; count++) await segments.write(Buffer.alloc(10))
  t.deepEqual(segments.ids, [1, 2, 3])
  await segments.setAside({ id: 3, bytes: 10 })
  await segments.close()
  segments = await openSegments(options)
  t.is((await segments.write(Buffer.alloc(1))).id, 4, 'a file that was set aside counts')
  segments.remove({ id: 4, bytes: 1 })
  await segments.close()
  segments = await openSegments(options)
  segments.reserve(9)
  segments.reserve(7)
  t.is((await segments.write(Buffer.alloc(1))).id, 10, 'the journal names a file that is gone')
  await segments.close()
})

test('a file cut at any byte loses the blocks behind it, or says that its head is damaged', async (t) => {
  const files = await dataDirectory()
  const segments = await openSegments({ directory: '/data', files })
  for (const length of [300, 2 * BLOCK_BYTES + 300]) {
    const payload = payloadOf(length, length)
    const ref = await segments.write(payload)
    const file = files.disk.file(pathOf(ref.id))
    const whole = file.content
    const begin = payloadAt(length)
    const isNear = (at: number) => at < begin + 20 || at > whole.length - 20 || (at - begin + 5) % BLOCK_BYTES < 10
    for (let cut = 0; cut < whole.length; cut++) {
      if (length > 300 && !isNear(cut)) continue
      file.content = whole.subarray(0, cut)
      const what = `cut at ${cut} of ${whole.length}`
      if (cut < SEGMENT_HEAD_BYTES) {
        t.is(await codeOf(segments, ref), 'damaged', what)
        continue
      }
      const from = Math.max(0, Math.floor((cut - begin) / BLOCK_BYTES) * BLOCK_BYTES)
      const found = await readBoth(segments, ref)
      t.deepEqual(found.damaged, [{ from, end: length }], what)
      t.true(found.payload.subarray(0, from).equals(payload.subarray(0, from)), what)
      // Nothing that the memory held before.
      const rest = found.payload.subarray(Math.max(0, cut - begin))
      t.true(
        rest.every((byte) => byte === 0),
        what,
      )
    }
    file.content = whole
    t.deepEqual((await readBoth(segments, ref)).damaged, [])
  }
  await segments.close()
})

test('flipped bits cost the blocks they are in, and a head that has one is no good', async (t) => {
  const seed = baseSeed()
  t.log(`STORE_SEED=${seed}`)
  const random = new Random(seed)
  const files = await dataDirectory()
  const segments = await openSegments({ directory: '/data', files })
  const length = 5 * BLOCK_BYTES + 1000
  const payload = payloadOf(length, seed)
  const ref = await segments.write(payload)
  const file = files.disk.file(pathOf(ref.id))
  const whole = file.content
  const begin = payloadAt(length)
  for (let round = 0; round < 300; round++) {
    const bytes = Buffer.from(whole)
    let hitsHead = false
    for (let flips = random.between(1, 4); flips > 0; flips--) {
      const at = random.chance(0.3) ? random.below(begin) : random.below(whole.length)
      bytes[at] = (bytes[at] as number) ^ (1 << random.below(8))
    }
    file.content = bytes
    const what = `STORE_SEED=${seed}, round ${round}`
    // Two flips of one bit undo each other.
    hitsHead = !bytes.subarray(0, SEGMENT_HEAD_BYTES).equals(whole.subarray(0, SEGMENT_HEAD_BYTES))
    if (hitsHead) {
      t.is(await codeOf(segments, ref), 'damaged', what)
      continue
    }
    const { payload: found, damaged } = await readBoth(segments, ref)
    for (let from = 0; from < length; from += BLOCK_BYTES) {
      const end = Math.min(from + BLOCK_BYTES, length)
      const entry = SEGMENT_HEAD_BYTES + (4 * from) / BLOCK_BYTES
      const isHit =
        !bytes.subarray(begin + from, begin + end).equals(payload.subarray(from, end)) ||
        !bytes.subarray(entry, entry + 4).equals(whole.subarray(entry, entry + 4))
      t.is(
        damaged.some((range) => range.from <= from && range.end >= end),
        isHit,
        `${what}, block at ${from}`,
      )
      if (!isHit) t.true(found.subarray(from, end).equals(payload.subarray(from, end)), what)
    }
    t.true(
      damaged.every((range, index) => index === 0 || (damaged[index - 1]?.end ?? 0) < range.from),
      what,
    )
  }
  await segments.close()
})

/** Changes the head of a file and signs it anew. */
function forge(files: DiskLayer, id: number, change: (head: Buffer) => void): void {
  const file = files.disk.file(pathOf(id))
  const bytes = Buffer.from(file.content)
  change(bytes)
  bytes.writeUInt32BE(0, 12)
  bytes.writeUInt32BE(crc32(bytes.subarray(0, SEGMENT_HEAD_BYTES)), 12)
  file.content = bytes
}

const FORGED: [string, SegmentErrorCode, RegExp, (head: Buffer) => void][] = [
  [
    'written by a newer version',
    'newer',
    new RegExp(
      `^segment file 1 was written by a newer version \\(format ${SEGMENT_FORMAT_VERSION + 1}, this one reads up to ${SEGMENT_FORMAT_VERSION}\\)$`,
    ),
    (head) => head.writeUInt16BE(SEGMENT_FORMAT_VERSION + 1, 8),
  ],
  [
    'of the other byte order',
    'byte-order',
    /other byte order/,
    (head) => {
      if (endianness() === 'LE') head.writeUInt32BE(0x01020304, 16)
      else head.writeUInt32LE(0x01020304, 16)
    },
  ],
]

for (const [what, code, message, change] of FORGED) {
  test(`a file ${what} is refused in one line, when it is read and at the start`, async (t) => {
    const files = await dataDirectory()
    const segments = await openSegments({ directory: '/data', files })
    const ref = await segments.write(Buffer.alloc(1000))
    forge(files, ref.id, change)
    t.is(await codeOf(segments, ref), code)
    await t.throwsAsync(segments.read(ref), { instanceOf: SegmentError, message })
    await segments.close()
    // What a crash left behind it says nothing.
    const { content } = files.disk.file(pathOf(ref.id))
    const torn = await files.open(pathOf(2), 'wx+')
    files.writeSync(torn, Buffer.alloc(10), 0, 10, 0)
    await files.close(torn)
    const error = await t.throwsAsync(openSegments({ directory: '/data', files }), { instanceOf: SegmentError })
    t.is(error?.code, code)
    t.is(files.disk.file(pathOf(ref.id)).content, content, 'it is left as it is')
    t.is(files.opened.size, 0)
  })
}

test('a file that is another segment, or has another length, is damaged', async (t) => {
  const files = await dataDirectory()
  const segments = await openSegments({ directory: '/data', files })
  const ref = await segments.write(Buffer.alloc(1000))
  const other = await segments.write(Buffer.alloc(1000))
  await segments.sync([ref, other])
  files.disk.file(pathOf(ref.id)).content = files.disk.file(pathOf(other.id)).content
  t.is(await codeOf(segments, ref), 'damaged')
  await t.throwsAsync(segments.read(ref), { message: /is segment 2, not 1$/ })
  t.is(await codeOf(segments, { ...other, bytes: 999 }), 'damaged')
  t.is(await codeOf(segments, { ...other, bytes: 100_000 }), 'damaged')
  t.is(await codeOf(segments, { id: 3, bytes: 10 }), 'missing')
  t.is(files.opened.size, 0)
  await segments.close()
})

test('a sector that cannot be read for half a minute costs its block, and in the head the file', async (t) => {
  const files = await dataDirectory()
  let now = 1000
  const segments = await openSegments({ directory: '/data', files, now: () => now })
  const length = 3 * MIB
  const payload = payloadOf(length, 3)
  const ref = await segments.write(payload)
  await segments.sync([ref])
  const bad = payloadAt(length) + MIB + 3 * BLOCK_BYTES + 77
  files.options = {
    readFault: (path, at, bytes) => (at <= bad && bad < at + bytes ? failure('EIO', path, 'read') : undefined),
  }
  const from = MIB + 3 * BLOCK_BYTES
  const end = from + BLOCK_BYTES
  t.is(await codeOf(segments, ref), 'EIO')
  now += 29_999
  t.is(await codeOf(segments, ref), 'EIO')
  now++
  const found = await readBoth(segments, ref)
  t.deepEqual(found.damaged, [{ from, end }])
  payload.fill(0, from, end)
  t.true(found.payload.equals(payload))
  files.options = { readFault: (path, at) => (at === 0 ? failure('EIO', path, 'read') : undefined) }
  t.is(await codeOf(segments, ref), 'damaged')
  t.is(files.opened.size, 0)
  await segments.close()
})

test('a disk that is away for a moment, now and then, costs nothing', async (t) => {
  const files = await dataDirectory()
  let now = 1000
  const segments = await openSegments({ directory: '/data', files, now: () => now })
  const payload = payloadOf(MIB, 4)
  const ref = await segments.write(payload)
  for (const pause of [29_000, 40_000, 3_600_000]) {
    files.options = { readFault: (path) => failure('EIO', path, 'read') }
    t.is(await codeOf(segments, ref), 'EIO')
    if (pause > 30_000) {
      files.options = {}
      t.deepEqual((await readBoth(segments, ref)).damaged, [])
    }
    now += pause
  }
  // Nobody has asked for an hour.
  files.options = { readFault: (path) => failure('EIO', path, 'read') }
  t.is(await codeOf(segments, ref), 'EIO')
  now += 3_600_000
  t.is(await codeOf(segments, ref), 'EIO')
  files.options = {}
  t.true((await readBoth(segments, ref)).payload.equals(payload))
  await segments.close()
})

/** A disk that can be out of descriptors. */
class FullTable extends DiskLayer {
  isFull = false

  override open(path: string, mode: OpenMode): Promise<number> {
    return this.isFull ? Promise.reject(failure('EMFILE', path, 'open')) : super.open(path, mode)
  }
}

test('what says nothing about the file is not taken for damage', async (t) => {
  const files = new FullTable((await dataDirectory()).disk)
  const segments = await openSegments({ directory: '/data', files })
  const ref = await segments.write(payloadOf(1000, 1))
  files.isFull = true
  await t.throwsAsync(segments.read(ref), { code: 'EMFILE' })
  files.isFull = false
  t.deepEqual((await segments.read(ref)).damaged, [])
  await segments.close()
})

test('a file that is being read is removed when the reading is over', async (t) => {
  const files = await dataDirectory()
  const segments = await openSegments({ directory: '/data', files })
  const payload = payloadOf(5 * MIB, 1)
  const refs = [await segments.write(payload), await segments.write(payload), await segments.write(payload)]
  const reading = refs.map((ref) => segments.read(ref))
  for (const ref of refs) segments.remove(ref)
  t.deepEqual(segments.ids, [])
  for (const { payload: found, damaged } of await Promise.all(reading)) {
    t.true(found.equals(payload))
    t.deepEqual(damaged, [])
  }
  await until('the files are gone', () => files.disk.directory('/data/segments').names.size === 0)
  await until('their bytes are not counted', () => segments.bytes === 0)
  segments.remove(refs[0] as SegmentRef)
  await segments.close()
  t.is(files.opened.size, 0)
})

test('what cannot be removed is told of, and goes at the next start, with all that nobody knows', async (t) => {
  const files = await dataDirectory()
  const log = new RecordingLogger()
  let segments = await openSegments({ directory: '/data', files, log })
  const refs: SegmentRef[] = []
  for (let count = 0; count < 5; count++) refs.push(await segments.write(Buffer.alloc(100)))
  const [first, second] = refs as [SegmentRef, SegmentRef]
  const aside = await segments.setAside(second)
  t.is(aside, '/data/segments/damaged-0000000002.seg')
  t.is(await codeOf(segments, second), 'missing')
  files.options = { fault: (operation) => (operation === 'unlink' ? { error: failure('EACCES', 'here') } : undefined) }
  segments.remove(first)
  await until('it has been tried', () => log.find('cannot remove /data/segments/0000000001.seg') !== undefined)
  await segments.close()
  files.options = {}
  segments = await openSegments({ directory: '/data', files, log })
  const added = await segments.write(Buffer.alloc(1))
  t.is(await segments.removeOthers(new Set([4])), 3)
  t.deepEqual(segments.ids, [4, added.id], 'what was written since is known to whoever wrote it')
  t.deepEqual(
    [...files.disk.directory('/data/segments').names.keys()].sort(),
    ['0000000004.seg', '0000000006.seg', 'damaged-0000000002.seg'].sort(),
  )
  await segments.close()
})

/** Counts what is asked of a disk from here on. */
function counting(files: DiskLayer): Record<string, number> {
  const counts: Record<string, number> = {}
  files.options = {
    fault: (operation) => {
      counts[operation] = (counts[operation] ?? 0) + 1
      return undefined
    },
  }
  return counts
}

test('each file is synced once, the directory once for all, and few are open meanwhile', async (t) => {
  const files = await dataDirectory()
  const segments = await openSegments({ directory: '/data', files })
  const refs: SegmentRef[] = []
  for (let count = 0; count < 200; count++) {
    refs.push(await segments.write(Buffer.alloc(100, count)))
    t.true(files.opened.size <= 16)
  }
  const counts = counting(files)
  await segments.sync(refs)
  t.deepEqual(counts, { fdatasync: 200, syncDirectory: 1 })
  t.is(files.opened.size, 0)
  await segments.sync(refs)
  await segments.sync([])
  t.deepEqual(counts, { fdatasync: 200, syncDirectory: 1 }, 'nothing is left to do')
  files.disk.crash(new Random(1))
  const again = await openSegments({ directory: '/data', files: new DiskLayer(files.disk) })
  for (const [index, ref] of refs.entries()) {
    t.true((await again.read(ref)).payload.equals(Buffer.alloc(100, index)))
  }
  await again.close()
})

test('two that sync the same file wait for the same sync', async (t) => {
  const files = await dataDirectory()
  const segments = await openSegments({ directory: '/data', files })
  const refs = [await segments.write(Buffer.alloc(1)), await segments.write(Buffer.alloc(2))]
  const counts = counting(files)
  let done = 0
  const first = segments.sync(refs).then(() => done++)
  const second = segments.sync(refs).then(() => t.is(done, 1))
  await Promise.all([first, second])
  t.deepEqual(counts, { fdatasync: 2, syncDirectory: 1 })
  await segments.close()
})

test('a file that is removed while it waits to be synced is left out', async (t) => {
  const files = await dataDirectory()
  const segments = await openSegments({ directory: '/data', files })
  const refs: SegmentRef[] = []
  for (let count = 0; count < 40; count++) refs.push(await segments.write(Buffer.alloc(1)))
  const syncing = segments.sync(refs)
  for (const ref of refs.filter(({ id }) => id % 2 === 0)) segments.remove(ref)
  await syncing
  t.deepEqual(
    segments.ids,
    refs.map(({ id }) => id).filter((id) => id % 2 === 1),
  )
  await t.throwsAsync(segments.sync([{ id: 2, bytes: 1 }]), { instanceOf: SegmentError, message: /is missing/ })
  await segments.close()
  t.is(files.opened.size, 0)
})

test('closing waits for what is under way, and nothing is taken after it', async (t) => {
  const files = await dataDirectory()
  const segments = await openSegments({ directory: '/data', files })
  const payload = payloadOf(3 * MIB, 1)
  const kept = await segments.write(payload)
  const gone = await segments.write(payload)
  let finished = 0
  const count = () => finished++
  segments.write(payload).then(count)
  segments.write(payload).then(count)
  segments.read(kept).then(count)
  segments.sync([kept]).then(count)
  segments.remove(gone)
  await segments.close()
  await turn()
  t.is(finished, 4)
  t.is(files.opened.size, 0)
  t.is(files.disk.find(pathOf(gone.id)), undefined)
  const closed = { instanceOf: SegmentError, message: 'the segments are closed' }
  await t.throwsAsync(segments.read(kept), closed)
  t.throws(() => segments.readSync(kept), closed)
  await t.throwsAsync(segments.write(payload), closed)
  await t.throwsAsync(segments.sync([kept]), closed)
  await segments.close()
})

test('what is no segment in the directory is left alone', async (t) => {
  const files = await dataDirectory()
  await (await openSegments({ directory: '/data', files })).close()
  for (const name of ['README', '1.seg', '0000000001.seg.bak', 'damaged-x.seg']) {
    await files.close(await files.open(`/data/segments/${name}`, 'wx+'))
  }
  const segments = await openSegments({ directory: '/data', files })
  t.deepEqual(segments.ids, [])
  t.is(await segments.removeOthers(new Set()), 0)
  t.is((await segments.write(Buffer.alloc(1))).id, 1)
  t.is(files.disk.directory('/data/segments').names.size, 5)
  await segments.close()
})
