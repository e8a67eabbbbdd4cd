// Rates of the journal and of segment files alone, on a real directory. Run after a build: node dist/bench/journal.js [directory]
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  type FileJournal,
  type JournalRecord,
  openFileJournal,
  openSegments,
  type SegmentRef,
} from '../src/store/index.ts'

const ROUND_MS = 1500
const LONE_COMMITS_MAX = 10_000
const IN_FLIGHT = 1000
const SEGMENTS = 64
const SEGMENT_BYTES = 1024 * 1024
const DISK_BYTES_MAX = 256 * 1024 * 1024

class Filled implements JournalRecord {
  readonly #content: Buffer

  constructor(length: number) {
    this.#content = Buffer.alloc(length, 'x')
  }

  byteLength(): number {
    return this.#content.length
  }

  write(target: Buffer, at: number): void {
    this.#content.copy(target, at)
  }
}

const directory = mkdtempSync(join(process.argv[2] ?? tmpdir(), 'leveret-bench-'))

/** A journal of its own, thrown away afterwards. */
async function withJournal(run: (journal: FileJournal) => Promise<void>): Promise<void> {
  const journal = await openFileJournal({ directory: join(directory, 'data') })
  await journal.recover()
  await run(journal)
  await journal.close()
}

/** CPU seconds of the process, all threads. */
function cpuSeconds(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e6
}

function line(name: string, ...figures: string[]): void {
  console.log(name.padEnd(34), ...figures.map((figure) => figure.padStart(18)))
}

/** One record, its commit, and the next one when it has completed. */
async function loneCommits(journal: FileJournal): Promise<void> {
  const record = new Filled(100)
  const all = new Float64Array(LONE_COMMITS_MAX)
  const cpu = cpuSeconds()
  const begin = performance.now()
  let count = 0
  await new Promise<void>((resolve) => {
    let start = 0
    const next = (): void => {
      start = performance.now()
      journal.append(record)
      journal.commit()
    }
    const waiter = {
      journalCompleted: () => {
        all[count++] = performance.now() - start
        if (count < LONE_COMMITS_MAX && performance.now() - begin < ROUND_MS) setImmediate(next)
        else {
          journal.removeWaiter(waiter)
          resolve()
        }
      },
    }
    journal.addWaiter(waiter)
    next()
  })
  const used = cpuSeconds() - cpu
  const times = all.subarray(0, count).sort()
  const micros = (part: number): string => ((times[Math.floor(count * part)] as number) * 1000).toFixed(0)
  line(
    'one at a time, 100 B',
    `p50 ${micros(0.5)} µs`,
    `p99 ${micros(0.99)} µs`,
    `${((used / count) * 1e6).toFixed(1)} CPU µs each`,
  )
}

/** So many records unconfirmed at any time, as a publisher with confirms has them; checkpoints keep the disk small. */
async function inFlight(journal: FileJournal, length: number): Promise<void> {
  const record = new Filled(length)
  let isCheckpointing = false
  const cpu = cpuSeconds()
  const start = performance.now()
  const batches = journal.batches
  await new Promise<void>((resolve) => {
    let scheduled = false
    const fill = (): void => {
      scheduled = false
      if (performance.now() - start > ROUND_MS) {
        resolve()
        return
      }
      while (journal.appended - journal.completed < IN_FLIGHT) journal.append(record)
      journal.commit()
      if (journal.bytes > DISK_BYTES_MAX && !isCheckpointing) {
        isCheckpointing = true
        journal.endCheckpoint(journal.beginCheckpoint()).finally(() => {
          isCheckpointing = false
        })
      }
    }
    journal.addWaiter({
      journalCompleted: () => {
        if (scheduled) return
        scheduled = true
        setImmediate(fill)
      },
    })
    fill()
  })
  await journal.flush()
  const seconds = (performance.now() - start) / 1000
  const records = journal.appended
  line(
    `${IN_FLIGHT} in flight, ${length} B`,
    `${Math.round(records / seconds).toLocaleString('en')} msg/s`,
    `${(((cpuSeconds() - cpu) / records) * 1e6).toFixed(2)} CPU s per M`,
    `${(records / (journal.batches - batches)).toFixed(0)} a batch`,
  )
}

/** Reads back what a run of small records has left. */
async function recovery(): Promise<void> {
  const path = join(directory, 'data')
  let journal = await openFileJournal({ directory: path })
  await journal.recover()
  const record = new Filled(100)
  while (journal.bytes < 64_000_000) {
    for (let count = 0; count < 5000; count++) journal.append(record)
    await journal.flush()
  }
  await journal.close()
  journal = await openFileJournal({ directory: path })
  let bytes = 0
  const start = performance.now()
  const report = await journal.recover({
    record: (_position, _type, _buffer, from, to) => {
      bytes += to - from
    },
  })
  const ms = performance.now() - start
  line(
    'recovery, 100 B',
    `${report.records.toLocaleString('en')} records`,
    `${(bytes / 1e6).toFixed(0)} MB`,
    `${ms.toFixed(0)} ms`,
  )
  await journal.close()
}

/** Files as large as a slab of a long queue: written one after the other, synced together, read back. */
async function segments(): Promise<void> {
  const path = join(directory, 'data')
  const journal = await openFileJournal({ directory: path })
  await journal.recover()
  const files = await openSegments({ directory: path })
  const payload = Buffer.alloc(SEGMENT_BYTES, 'x')
  const step = async (name: string, run: () => Promise<unknown>): Promise<void> => {
    const cpu = cpuSeconds()
    const start = performance.now()
    await run()
    const mebibytes = (SEGMENTS * SEGMENT_BYTES) / 1024 / 1024
    line(
      `${SEGMENTS} segments of ${SEGMENT_BYTES / 1024} KiB, ${name}`,
      `${Math.round((mebibytes / (performance.now() - start)) * 1000)} MiB/s`,
      `${(((cpuSeconds() - cpu) / mebibytes) * 1024).toFixed(2)} CPU s per GiB`,
    )
  }
  const refs: SegmentRef[] = []
  await step('written', async () => {
    for (let count = 0; count < SEGMENTS; count++) refs.push(await files.write(payload))
  })
  await step('synced', () => files.sync(refs))
  await step('read', async () => {
    for (const ref of refs) await files.read(ref, payload)
  })
  await files.close()
  await journal.close()
}

const fresh = (): void => rmSync(join(directory, 'data'), { recursive: true, force: true })
try {
  await withJournal(loneCommits)
  for (const length of [1024, 100]) {
    fresh()
    await withJournal((journal) => inFlight(journal, length))
  }
  fresh()
  await recovery()
  fresh()
  await segments()
} finally {
  rmSync(directory, { recursive: true, force: true })
}
