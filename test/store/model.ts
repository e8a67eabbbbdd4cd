import type { FileJournalOptions, Position, RecoveryReport } from '../../src/store/index.ts'
import {
  type FileJournal,
  type Journal,
  type JournalRecord,
  openFileJournal,
  type Processes,
} from '../../src/store/index.ts'
import type { Random } from './random.ts'

/** A record that is its bytes. */
export class Bytes implements JournalRecord {
  readonly content: Buffer

  constructor(content: Buffer) {
    this.content = content
  }

  byteLength(): number {
    return this.content.length
  }

  write(target: Buffer, at: number): void {
    this.content.copy(target, at)
  }
}

export interface Entry {
  readonly position: Position
  readonly type: number
  readonly content: Buffer
}

/** Appends one random record and returns what should come back. */
export function appendRandom(journal: Journal, random: Random, lengthMax = 100): Entry {
  const content = random.bytes(random.chance(0.05) ? random.below(12 * lengthMax) : random.below(lengthMax))
  const type = random.below(256)
  return { position: journal.append(new Bytes(content), type), type, content }
}

/** Opens a journal and keeps everything that recovery hands out. */
export async function recovered(
  options: FileJournalOptions,
): Promise<{ journal: FileJournal; entries: Entry[]; report: RecoveryReport }> {
  const journal = await openFileJournal(options)
  const entries: Entry[] = []
  const report = await journal.recover({
    record(position, type, buffer, from, to) {
      entries.push({ position, type, content: Buffer.from(buffer.subarray(from, to)) })
    },
  })
  return { journal, entries, report }
}

let pids = 1000

/** A process of its own, which is gone as soon as the next one is made. */
export function newProcess(): Processes {
  const pid = ++pids
  const self = { pid, started: String(pid), boot: 'boot', namespace: '' }
  return { self, isRunning: (identity) => identity.pid === pid }
}

export function isSame(a: Entry | undefined, b: Entry | undefined): boolean {
  return (
    a !== undefined && b !== undefined && a.position === b.position && a.type === b.type && a.content.equals(b.content)
  )
}

/** Waits as long as a turn of the event loop. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
