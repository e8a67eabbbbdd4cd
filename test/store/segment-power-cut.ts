import { openSegments, SegmentError, type SegmentRef, type Segments } from '../../src/store/index.ts'
import { Disk } from './disk.ts'
import { DiskLayer } from './disk-layer.ts'
import { turn } from './model.ts'
import { Random } from './random.ts'

const INCARNATIONS = 4
const OPERATIONS_MAX = 60

/** What the files must still have, whatever happens. */
interface Promised {
  /** What each file was written with, by id; of an id that was given twice because nobody had heard of it, the last. */
  readonly written: Map<number, { readonly ref: SegmentRef; readonly payload: Buffer }>
  /** Files that are durable and were not removed. */
  readonly safe: Set<number>
  /** Files that a journal may have named. */
  readonly named: Set<number>
  /** Files that were set aside, durably. */
  readonly aside: Set<number>
}

/**
 * Writes, syncs, reads and removes segments on a disk whose power goes at a random operation, several times over, and
 * compares what is there afterwards with what was promised.
 * @throws Error that says what is missing or not as it was.
 */
export async function playSegmentPowerCuts(seed: number): Promise<void> {
  const random = new Random(seed)
  const disk = new Disk()
  const begin = new DiskLayer(disk)
  await begin.mkdir('/data')
  await begin.syncDirectory('/')
  const promised: Promised = { written: new Map(), safe: new Set(), named: new Set(), aside: new Set() }
  for (let incarnation = 0; incarnation < INCARNATIONS; incarnation++) {
    const layer = new DiskLayer(disk, { cutAt: random.between(1, OPERATIONS_MAX), random })
    const failures: unknown[] = []
    await Promise.race([layer.cut, live(layer, random, promised, failures)])
    if (failures.length > 0) throw failures[0]
    // Whoever still waits for an answer is dead with the power.
    layer.isCut = true
    if (random.chance(0.8)) disk.crash(random)
  }
  await check(new DiskLayer(disk, { random }), random, promised)
}

async function live(layer: DiskLayer, random: Random, promised: Promised, failures: unknown[]): Promise<void> {
  const segments = await check(layer, random, promised)
  const refs = [...promised.safe].map((id) => promised.written.get(id)?.ref as SegmentRef)
  const running = new Set<Promise<unknown>>()
  // A power cut answers nobody, so that whatever is refused is a mistake.
  const run = (task: Promise<void>): void => {
    const told = task.catch((error) => failures.push(error)).finally(() => running.delete(told))
    running.add(told)
  }
  for (let step = random.below(40); step > 0 && !layer.isCut; step--) {
    const what = random.below(10)
    if (what < 4) run(write(segments, random, promised, refs, layer))
    else if (what < 6) run(sync(segments, random, promised, refs, layer))
    else if (what === 6 && refs.length > 0) remove(segments, random, promised, refs)
    else if (what === 7 && refs.length > 0) run(read(segments, promised, refs[random.below(refs.length)] as SegmentRef))
    else if (what === 8 && refs.length > 0 && random.chance(0.3)) run(setAside(segments, random, promised, refs, layer))
    else await turn()
  }
  if (layer.isCut || random.chance(0.3)) return
  await Promise.all(running)
  await segments.close()
  if (layer.opened.size > 0) throw new Error(`${layer.opened.size} files left open`)
}

async function write(
  segments: Segments,
  random: Random,
  promised: Promised,
  refs: SegmentRef[],
  layer: DiskLayer,
): Promise<void> {
  const length = random.chance(0.1) ? random.below(200_000) : random.below(500)
  const payload = random.bytes(Math.min(length, 300))
  const full = length > 300 ? Buffer.alloc(length, payload) : payload
  const ref = await segments.write(full)
  if (layer.isCut) return
  if (promised.named.has(ref.id)) throw new Error(`id ${ref.id} is given twice`)
  promised.written.set(ref.id, { ref, payload: full })
  refs.push(ref)
}

async function sync(
  segments: Segments,
  random: Random,
  promised: Promised,
  refs: readonly SegmentRef[],
  layer: DiskLayer,
): Promise<void> {
  const some = refs.filter(() => random.chance(0.6))
  await segments.sync(some)
  if (layer.isCut) return
  for (const { id } of some) {
    promised.named.add(id)
    // It may have been removed meanwhile.
    if (refs.some((ref) => ref.id === id)) promised.safe.add(id)
  }
}

function takeOut(random: Random, promised: Promised, refs: SegmentRef[]): SegmentRef {
  const [ref] = refs.splice(random.below(refs.length), 1)
  promised.safe.delete((ref as SegmentRef).id)
  return ref as SegmentRef
}

function remove(segments: Segments, random: Random, promised: Promised, refs: SegmentRef[]): void {
  segments.remove(takeOut(random, promised, refs))
}

async function setAside(
  segments: Segments,
  random: Random,
  promised: Promised,
  refs: SegmentRef[],
  layer: DiskLayer,
): Promise<void> {
  const { id } = takeOut(random, promised, refs)
  await segments.setAside({ id, bytes: 0 })
  if (!layer.isCut) promised.aside.add(id)
}

async function read(segments: Segments, promised: Promised, ref: SegmentRef): Promise<void> {
  const { payload, damaged } = await segments.read(ref)
  if (damaged.length > 0) throw new Error(`segment ${ref.id} is damaged while it is in use`)
  if (!payload.equals(promised.written.get(ref.id)?.payload as Buffer)) throw new Error(`segment ${ref.id} differs`)
}

/** Opens what is there, and compares with what was promised. */
async function check(layer: DiskLayer, random: Random, promised: Promised): Promise<Segments> {
  const segments = await openSegments({ directory: '/data', files: layer })
  for (const [id, { ref, payload }] of promised.written) {
    const isSafe = promised.safe.has(id)
    try {
      const found = random.chance(0.5) ? await segments.read(ref) : segments.readSync(ref)
      if (isSafe && found.damaged.length > 0) throw new Error(`segment ${id} was safe and is damaged`)
      checkSame(id, payload, found)
    } catch (error) {
      if (!(error instanceof SegmentError)) throw error
      if (isSafe) throw new Error(`segment ${id} was safe: ${error.message}`)
      if (error.code !== 'missing' && error.code !== 'damaged') throw error
    }
  }
  for (const id of promised.aside) await layer.stat(`/data/segments/damaged-${String(id).padStart(10, '0')}.seg`)
  segments.reserve(Math.max(0, ...promised.named))
  await segments.removeOthers(promised.safe)
  const left = segments.ids
  if (left.length !== promised.safe.size) throw new Error(`${left.join()} are left of ${[...promised.safe].join()}`)
  return segments
}

/** What is not said to be damaged is as it was written. */
function checkSame(
  id: number,
  written: Buffer,
  { payload, damaged }: { readonly payload: Buffer; readonly damaged: readonly { from: number; end: number }[] },
): void {
  let at = 0
  for (const { from, end } of [...damaged, { from: written.length, end: written.length }]) {
    if (!payload.subarray(at, from).equals(written.subarray(at, from))) {
      throw new Error(`segment ${id} differs between ${at} and ${from}, and nothing says so`)
    }
    at = end
  }
}
