import test from 'ava'
import { RecordingLogger } from '../helpers/recording-logger.ts'
import { Disk, FileNode } from './disk.ts'
import { DiskLayer } from './disk-layer.ts'
import { appendRandom, type Entry, isSame, newProcess, recovered } from './model.ts'
import { baseSeed, Random } from './random.ts'

const FIRST_FILE = '/data/journal/0000000001.log'
const HEADER_BYTES = 64

interface Written {
  readonly bytes: Buffer
  readonly entries: Entry[]
  /** Where each batch begins; the last is the end of the file. */
  readonly batches: number[]
  /** Entries before each of them. */
  readonly counts: number[]
}

/** A journal of one file with a few batches. */
async function write(random: Random, batches: number): Promise<Written> {
  const disk = new Disk()
  const { journal } = await recovered({ directory: '/data', files: new DiskLayer(disk), processes: newProcess() })
  const entries: Entry[] = []
  const offsets = [HEADER_BYTES]
  const counts = [0]
  for (let batch = 0; batch < batches; batch++) {
    for (let left = random.between(1, 4); left > 0; left--) entries.push(appendRandom(journal, random, 40))
    await journal.flush()
    offsets.push(journal.bytes)
    counts.push(entries.length)
  }
  const bytes = disk.file(FIRST_FILE).content
  await journal.close()
  return { bytes, entries, batches: offsets, counts }
}

/** What recovery finds when the disk holds these files. */
async function read(files: ReadonlyMap<string, Buffer>) {
  const disk = new Disk()
  const layer = new DiskLayer(disk)
  await layer.mkdir('/data')
  await layer.mkdir('/data/journal')
  for (const [path, bytes] of files) {
    const file = new FileNode()
    file.content = Buffer.from(bytes)
    disk.add(path, file)
  }
  const log = new RecordingLogger()
  const options = { directory: '/data', files: layer, log }
  const result = await recovered({ ...options, processes: newProcess() })
  const after = appendRandom(result.journal, new Random(1))
  await result.journal.close()
  // What was found is found again, and what was appended behind it.
  const again = await recovered({ ...options, processes: newProcess() })
  await again.journal.close()
  const saved = new Map<string, Buffer>()
  for (const [name, node] of disk.directory('/data/journal').names) {
    if (name.startsWith('damaged-') && node instanceof FileNode) saved.set(name, node.content)
  }
  return { ...result, log, again: again.entries, after, saved }
}

function sameEntries(a: readonly Entry[], b: readonly Entry[]): boolean {
  return a.length === b.length && a.every((entry, index) => isSame(entry, b[index]))
}

test('a journal cut at any byte of its last batches comes back up to the last whole one', async (t) => {
  const seed = baseSeed()
  t.log(`STORE_SEED=${seed}`)
  const { bytes, entries, batches, counts } = await write(new Random(seed), 5)
  for (let length = batches[2] as number; length <= bytes.length; length++) {
    const whole = batches.findLastIndex((offset) => offset <= length)
    const expected = entries.slice(0, counts[whole])
    const found = await read(new Map([[FIRST_FILE, bytes.subarray(0, length)]]))
    const what = `cut at ${length} of ${bytes.length}`
    t.true(sameEntries(found.entries, expected), what)
    t.is(found.report.cutBytes, length - (batches[whole] as number), what)
    t.deepEqual(found.report.damage, [], what)
    t.is(found.log.lines.filter(({ level }) => level === 'error').length, 0, what)
    t.true(sameEntries(found.again, [...expected, found.after]), `${what}, a second time`)
  }
})

test('a file cut in its head, before anything was written behind it, is nothing', async (t) => {
  const { bytes } = await write(new Random(1), 1)
  for (let length = 0; length <= HEADER_BYTES; length++) {
    const found = await read(new Map([[FIRST_FILE, bytes.subarray(0, length)]]))
    t.is(found.entries.length, 0)
    t.deepEqual(found.report.damage, [])
    t.true(sameEntries(found.again, [found.after]))
  }
})

test('a flipped bit costs its batch, and the damaged bytes are set aside', async (t) => {
  const seed = baseSeed()
  t.log(`STORE_SEED=${seed}`)
  const random = new Random(seed)
  for (let round = 0; round < 600; round++) {
    const { bytes, entries, batches, counts } = await write(random, 4)
    const at = random.between(HEADER_BYTES, bytes.length - 1)
    bytes[at] = (bytes[at] as number) ^ (1 << random.below(8))
    const batch = batches.findLastIndex((offset) => offset <= at)
    const isLast = batch === batches.length - 2
    const expected = [...entries.slice(0, counts[batch]), ...entries.slice(counts[batch + 1])]
    const found = await read(new Map([[FIRST_FILE, bytes]]))
    const what = `STORE_SEED=${seed}, round ${round}: byte ${at} of batch ${batch}`
    t.true(sameEntries(found.entries, expected), what)
    t.true(sameEntries(found.again, [...expected, found.after]), `${what}, a second time`)
    const from = batches[batch] as number
    const to = batches[batch + 1] as number
    if (isLast) {
      t.is(found.report.cutBytes, to - from, what)
      t.is(found.saved.size, 0, what)
    } else {
      const name = `damaged-0000000001-${from}`
      t.deepEqual(found.report.damage, [{ file: 1, from, to, savedAs: `/data/journal/${name}` }], what)
      t.deepEqual(found.saved.get(name), bytes.subarray(from, to), what)
      t.truthy(found.log.lines.find(({ level, message }) => level === 'error' && message.includes('is damaged')))
    }
  }
})

test('any number of flipped bits leaves every whole batch, in order', async (t) => {
  const seed = baseSeed()
  t.log(`STORE_SEED=${seed}`)
  const random = new Random(seed)
  for (let round = 0; round < 400; round++) {
    const { bytes, entries, batches, counts } = await write(random, 8)
    const hit = new Set<number>()
    let hitsHead = false
    for (let flips = random.between(1, 12); flips > 0; flips--) {
      // Heads of the file and of batches too.
      const at = random.below(bytes.length)
      bytes[at] = (bytes[at] as number) ^ (1 << random.below(8))
      if (at < HEADER_BYTES) hitsHead = true
      else hit.add(batches.findLastIndex((offset) => offset <= at))
    }
    const found = await read(new Map([[FIRST_FILE, bytes]]))
    const what = `STORE_SEED=${seed}, round ${round}: batches ${[...hit].join()}`
    if (hitsHead && hit.has(0)) {
      // Nothing is left that tells what belongs to this journal.
      const all = bytes.subarray(HEADER_BYTES)
      t.true(found.entries.length > 0 || found.saved.get(`damaged-0000000001-${HEADER_BYTES}`)?.equals(all), what)
      continue
    }
    const expected = entries.filter((_, index) => !hit.has(counts.findLastIndex((count) => count <= index)))
    // Two flips of one bit undo each other; then the batch is whole after all.
    t.true(found.entries.length >= expected.length, what)
    const there = new Map(found.entries.map((entry) => [entry.position, entry]))
    t.true(
      expected.every((entry) => isSame(there.get(entry.position), entry)),
      what,
    )
    const positions = found.entries.map(({ position }) => position)
    t.deepEqual(
      positions,
      positions.toSorted((a, b) => a - b),
      what,
    )
    t.true(sameEntries(found.again, [...found.entries, found.after]), `${what}, a second time`)
  }
})

/** A journal of several files, by path. */
async function writeFiles(random: Random): Promise<{ files: Map<string, Buffer>; entries: Map<string, Entry[]> }> {
  const disk = new Disk()
  const options = { directory: '/data', files: new DiskLayer(disk), fileBytesMax: 400 }
  const { journal } = await recovered({ ...options, processes: newProcess() })
  const entries = new Map<string, Entry[]>()
  for (let count = 0; count < 30; count++) {
    const entry = appendRandom(journal, random, 40)
    await journal.flush()
    const name = [...disk.directory('/data/journal').names.keys()].at(-1) as string
    entries.set(name, [...(entries.get(name) ?? []), entry])
  }
  await journal.close()
  const files = new Map<string, Buffer>()
  for (const name of entries.keys()) files.set(`/data/journal/${name}`, disk.file(`/data/journal/${name}`).content)
  return { files, entries }
}

test('a file that is missing in the middle costs what it held, and is named', async (t) => {
  const { files, entries } = await writeFiles(new Random(2))
  t.true(files.size > 4)
  files.delete('/data/journal/0000000003.log')
  const found = await read(files)
  entries.delete('0000000003.log')
  t.true(sameEntries(found.entries, [...entries.values()].flat()))
  t.deepEqual(found.report.missing, [3])
  t.truthy(found.log.find('journal file 3 is missing'))
})

test('a file that ends too early, with another behind it, is told of', async (t) => {
  const { files, entries } = await writeFiles(new Random(3))
  const path = '/data/journal/0000000002.log'
  const bytes = files.get(path) as Buffer
  files.set(path, bytes.subarray(0, HEADER_BYTES))
  const found = await read(files)
  entries.delete('0000000002.log')
  t.true(sameEntries(found.entries, [...entries.values()].flat()))
  t.truthy(found.log.lines.find(({ level }) => level === 'error'))
})

test('a bad tail is damage when another file follows', async (t) => {
  const { files, entries } = await writeFiles(new Random(4))
  const path = '/data/journal/0000000002.log'
  const bytes = files.get(path) as Buffer
  files.set(path, bytes.subarray(0, bytes.length - 1))
  const found = await read(files)
  entries.get('0000000002.log')?.pop()
  t.true(sameEntries(found.entries, [...entries.values()].flat()))
  t.is(found.report.damage.length, 1)
  t.is(found.report.cutBytes, 0)
  t.is(found.saved.size, 1)
})

test('a file whose head is damaged gives its records back', async (t) => {
  const { files, entries } = await writeFiles(new Random(5))
  for (const number of [1, 2, files.size]) {
    const damaged = new Map([...files].map(([path, bytes]) => [path, Buffer.from(bytes)]))
    const path = `/data/journal/${String(number).padStart(10, '0')}.log`
    ;(damaged.get(path) as Buffer).fill(0, 0, HEADER_BYTES)
    const found = await read(damaged)
    t.true(sameEntries(found.entries, [...entries.values()].flat()), `file ${number}`)
    t.truthy(found.log.find(`the head of journal file ${number} is damaged`))
  }
})

test('a message that holds a journal does not come to life behind damage', async (t) => {
  const inner = await write(new Random(6), 3)
  const disk = new Disk()
  const options = { directory: '/data', files: new DiskLayer(disk) }
  const { journal } = await recovered({ ...options, processes: newProcess() })
  const content = Buffer.from(inner.bytes)
  journal.append({ byteLength: () => content.length, write: (target, at) => content.copy(target, at) })
  await journal.close()
  const bytes = disk.file(FIRST_FILE).content
  bytes[HEADER_BYTES] = (bytes[HEADER_BYTES] as number) ^ 1
  const found = await read(new Map([[FIRST_FILE, bytes]]))
  t.is(found.entries.length, 0)
  t.is(found.report.cutBytes, bytes.length - HEADER_BYTES)
})
