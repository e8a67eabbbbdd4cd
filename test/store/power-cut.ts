import type { Checkpoint, FileJournal, SyncMode } from '../../src/store/index.ts'
import { RecordingLogger } from '../helpers/recording-logger.ts'
import { Disk } from './disk.ts'
import { DiskLayer } from './disk-layer.ts'
import { appendRandom, type Entry, isSame, newProcess, recovered, turn } from './model.ts'
import { Random } from './random.ts'

const INCARNATIONS = 4
const OPERATIONS_MAX = 90

/** What the journal must still have, whatever happens. */
interface Promised {
  /** Everything appended that may be there, in order. */
  log: Entry[]
  /** Every position that was ever given. */
  readonly given: Set<number>
  /** Positions that come together or not at all. */
  groups: number[][]
  /** Everything up to this position was said to be safe. */
  safe: number
  /** Where the journal may begin: at the start of a checkpoint whose end was asked for. */
  starts: number[]
  /** It begins here or behind: the start of the last checkpoint that was told to be whole. */
  startMin: number
}

/**
 * Appends, commits, rotates and checkpoints on a disk whose power goes at a random operation, several times over, and
 * compares what each recovery finds with what was promised.
 * @throws Error that says what is missing or should not be there.
 */
export async function playPowerCuts(seed: number, sync: SyncMode): Promise<void> {
  const random = new Random(seed)
  const disk = new Disk()
  const promised: Promised = { log: [], given: new Set(), groups: [], safe: 0, starts: [0], startMin: 0 }
  for (let incarnation = 0; incarnation < INCARNATIONS; incarnation++) {
    const cutAt = random.between(1, OPERATIONS_MAX)
    const layer = new DiskLayer(disk, { cutAt, random })
    await Promise.race([layer.cut, live(layer, random, sync, promised)])
    if (layer.isCut) disk.crash(random)
    // Whoever still waits for an answer is dead with the power.
    layer.isCut = true
  }
  const layer = new DiskLayer(disk, { random })
  await check(layer, random, sync, promised)
}

async function live(layer: DiskLayer, random: Random, sync: SyncMode, promised: Promised): Promise<void> {
  const journal = await check(layer, random, sync, promised)
  let begun: { checkpoint: Checkpoint; first: number } | undefined
  const steps = random.below(60)
  for (let step = 0; step < steps && !layer.isCut; step++) {
    const what = random.below(20)
    if (what < 2) journal.inParts(() => append(journal, random, promised, random.between(1, 8)))
    else if (what < 8) append(journal, random, promised, random.between(1, 4))
    else if (what < 10) {
      journal.beginGroup()
      promised.groups.push(append(journal, random, promised, random.between(1, 6)))
      journal.endGroup()
    } else if (what < 13) journal.commit()
    else if (what === 13) begun = { checkpoint: journal.beginCheckpoint(), first: journal.appended + 1 }
    else if (what === 14 && begun !== undefined) {
      end(journal, promised, begun, layer)
      begun = undefined
    } else if (what === 15) flush(journal, promised, layer)
    else await turn()
    if (!layer.isCut && sync === 'always') promised.safe = Math.max(promised.safe, journal.completed)
  }
  if (layer.isCut) return
  if (random.chance(0.7)) {
    journal.commit()
    for (let turns = random.below(6); turns > 0; turns--) await turn()
    if (layer.isCut) return
    if (sync === 'always') promised.safe = Math.max(promised.safe, journal.completed)
    layer.isCut = true
    return
  }
  await journal.close()
  promised.safe = journal.appended
  if (layer.opened.size > 0) throw new Error(`${layer.opened.size} files left open`)
}

function append(journal: FileJournal, random: Random, promised: Promised, count: number): number[] {
  const positions: number[] = []
  for (let index = 0; index < count; index++) {
    const entry = appendRandom(journal, random)
    if (promised.given.has(entry.position)) throw new Error(`position ${entry.position} is given twice`)
    promised.given.add(entry.position)
    promised.log.push(entry)
    positions.push(entry.position)
  }
  return positions
}

function end(
  journal: FileJournal,
  promised: Promised,
  { checkpoint, first }: { checkpoint: Checkpoint; first: number },
  layer: DiskLayer,
): void {
  promised.starts.push(first)
  const safe = journal.appended
  journal.endCheckpoint(checkpoint).then(
    () => {
      if (layer.isCut) return
      promised.startMin = Math.max(promised.startMin, first)
      promised.safe = Math.max(promised.safe, safe)
    },
    () => undefined,
  )
}

function flush(journal: FileJournal, promised: Promised, layer: DiskLayer): void {
  const safe = journal.appended
  journal.flush().then(
    () => {
      if (!layer.isCut) promised.safe = Math.max(promised.safe, safe)
    },
    () => undefined,
  )
}

/** Recovers, and compares with what was promised; the journal goes on with what was found. */
async function check(layer: DiskLayer, random: Random, sync: SyncMode, promised: Promised): Promise<FileJournal> {
  const log = new RecordingLogger()
  const { journal, entries, report } = await recovered({
    directory: '/data',
    files: layer,
    processes: newProcess(),
    log,
    sync,
    syncIntervalMs: 1,
    batchBytes: random.between(100, 400),
    partBytes: random.between(40, 200),
    fileBytesMax: random.between(200, 1500),
    retryMs: 1,
    now: () => 0,
  })
  const found = entries[0]?.position
  const from = found === undefined ? promised.log.length : promised.log.findIndex(({ position }) => position === found)
  if (from === -1) throw new Error(`position ${found} was never given`)
  if (sync === 'always') {
    if (report.damage.length > 0 || report.missing.length > 0) {
      throw new Error(`damage where there can be none: ${JSON.stringify(log.lines)}`)
    }
    checkStart(promised, from, found)
    for (const [index, entry] of entries.entries()) {
      if (!isSame(entry, promised.log[from + index])) throw new Error(`position ${entry.position} is not as appended`)
    }
  } else checkSubsequence(promised, entries)
  checkSafe(promised, entries)
  checkGroups(promised, entries)
  promised.log = entries
  // A start that is behind everything found has no records to begin with.
  promised.starts = [entries[0]?.position ?? 0, ...promised.starts]
  return journal
}

function checkStart({ log, starts, startMin }: Promised, from: number, found: number | undefined): void {
  if (found === undefined || from === 0) return
  const before = log[from - 1] as Entry
  if (!starts.some((start) => start > before.position && start <= found)) {
    throw new Error(`begins at ${found}, where no checkpoint did`)
  }
  if (found < startMin) throw new Error(`begins at ${found}, before the checkpoint at ${startMin}`)
}

/** In order, nothing that was not appended, and each as it was. */
function checkSubsequence({ log }: Promised, entries: readonly Entry[]): void {
  let at = 0
  for (const entry of entries) {
    while (at < log.length && (log[at] as Entry).position !== entry.position) at++
    if (!isSame(entry, log[at])) throw new Error(`position ${entry.position} is not as appended, or out of order`)
  }
}

/** Everything that was said to be safe is there, unless a checkpoint has replaced it. */
function checkSafe({ log, safe, starts, startMin }: Promised, entries: readonly Entry[]): void {
  const there = new Set(entries.map(({ position }) => position))
  const first = entries[0]?.position ?? Number.POSITIVE_INFINITY
  const start = Math.max(startMin, ...starts.filter((begin) => begin <= first))
  for (const { position } of log) {
    if (position >= start && position <= safe && !there.has(position)) {
      throw new Error(`position ${position} was safe and is gone (safe up to ${safe}, begins at ${first})`)
    }
  }
}

function checkGroups({ groups }: Promised, entries: readonly Entry[]): void {
  const there = new Set(entries.map(({ position }) => position))
  for (const group of groups) {
    const count = group.filter((position) => there.has(position)).length
    if (count > 0 && count < group.length) throw new Error(`${count} of the ${group.length} from ${group[0]} on`)
  }
}
