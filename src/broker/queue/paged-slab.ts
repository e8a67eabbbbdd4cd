import type { BrokerContext } from '../host.ts'
import type { StoredSlab } from '../storage/index.ts'
import { deliveryCount, JOURNALLED, recordBodyBytes, recordExpiry, recordState, SETTLED } from './record.ts'
import { Runs, withoutRun } from './runs.ts'
import type { Slab } from './slab.ts'
import type { OutsideBody } from './slab-file.ts'

/** Numbers for each record that was handed out: offset, bytes of the body, state. */
export const TAKEN_FIELDS = 3

/**
 * What is known of a slab's records while they lie in a file only: enough to count them, to tell the journal of them,
 * and to find them as they were when they come back. For most slabs, of which nothing was handed out, it is a few
 * numbers.
 */
export interface PagedSlab {
  /** Where the live records are; see `Runs`. */
  readonly runs: Int32Array | undefined
  /** Where those are that the journal knows. */
  readonly journalledRuns: Int32Array | undefined
  /** Bytes of their bodies. */
  readonly journalledBodyBytes: number
  /** Live records that were never handed out. */
  readonly unread: number
  readonly unreadBodyBytes: number
  /** The other live records, put back since or not: `TAKEN_FIELDS` numbers each, in the order of their offsets. */
  readonly taken: Int32Array
  /**
   * How often the messages came back that wait and did so, as the file may not have it: pairs of offset and count, in the
   * order of the offsets.
   */
  readonly counts: Int32Array
  /** None of it expires before this, in ms since the epoch; 0: none of it ever does. */
  readonly expiry: number
}

const NOTHING = new Int32Array(0)

/** Looks at every record of a slab that is in memory. */
export function surveySlab(slab: Slab): PagedSlab {
  const { words } = slab.memory
  const { readAt, end } = slab
  const runs = new Runs()
  const journalledRuns = new Runs()
  const taken: number[] = []
  const counts: number[] = []
  let journalledBodyBytes = 0
  let unread = 0
  let unreadBodyBytes = 0
  let expiry = 0
  slab.forEach((offset, at) => {
    const state = recordState(words, at)
    if ((state & SETTLED) !== 0) return
    const bodyBytes = recordBodyBytes(words, at)
    runs.add(offset, slab.reach(at))
    if ((state & JOURNALLED) !== 0) {
      journalledRuns.add(offset, slab.reach(at))
      journalledBodyBytes += bodyBytes
    }
    if (offset < readAt) {
      taken.push(offset, bodyBytes, state)
    } else {
      unread++
      unreadBodyBytes += bodyBytes
      if (deliveryCount(state) > 0) counts.push(offset, deliveryCount(state))
    }
    const own = recordExpiry(words, at)
    if (own !== 0 && (expiry === 0 || own < expiry)) expiry = own
  })
  return {
    runs: runs.finish(end),
    journalledRuns: journalledRuns.finish(end),
    journalledBodyBytes,
    unread,
    unreadBodyBytes,
    taken: taken.length === 0 ? NOTHING : Int32Array.from(taken),
    counts: counts.length === 0 ? NOTHING : Int32Array.from(counts),
    expiry,
  }
}

/** Where in `taken` the record is that was handed out. */
export function findTaken({ taken }: PagedSlab, offset: number): number {
  let low = 0
  let high = taken.length / TAKEN_FIELDS - 1
  while (low < high) {
    const middle = (low + high) >> 1
    if ((taken[middle * TAKEN_FIELDS] as number) < offset) low = middle + 1
    else high = middle
  }
  return low * TAKEN_FIELDS
}

/** How often which messages came back, of all that are alive: pairs of offset and count. */
export function countsOf({ taken, counts }: PagedSlab): readonly number[] {
  const all: number[] = []
  for (let index = 0; index < taken.length; index += TAKEN_FIELDS) {
    const count = deliveryCount(taken[index + 2] as number)
    if (count > 0) all.push(taken[index] as number, count)
  }
  return [...all, ...counts]
}

/** What a restart knows of a slab that lies in a file: every message of it waits. */
export function pagedFrom({ live, bodyBytes, runs, expiry, counts = NOTHING }: StoredSlab): PagedSlab {
  return {
    counts,
    runs,
    journalledRuns: runs,
    journalledBodyBytes: bodyBytes,
    unread: live,
    unreadBodyBytes: bodyBytes,
    taken: NOTHING,
    expiry,
  }
}

/** What has to be known of a record that nobody can look at. */
export interface PagedRecord {
  readonly state: number
  readonly bodyBytes: number
  /** What it counts for among the slab's live bytes. */
  readonly recordBytes: number
  /** How far the offsets of its record reach. */
  readonly reach: number
  /** Where its message lies, if that is in a body file; no other record of the slab has it. */
  readonly outside: OutsideBody | undefined
}

/** The end of a record that was never handed out, of a slab that is paged; it still counts among the live ones. */
export function settlePaged(slab: Slab, offset: number, record: PagedRecord, context: BrokerContext): void {
  const { state, bodyBytes, recordBytes, reach, outside } = record
  const paged = slab.paged as PagedSlab
  const isJournalled = (state & JOURNALLED) !== 0
  const end = offset + reach
  slab.paged = {
    ...paged,
    runs: withoutRun(paged.runs, offset, end, slab.end),
    journalledRuns: isJournalled ? withoutRun(paged.journalledRuns, offset, end, slab.end) : paged.journalledRuns,
    journalledBodyBytes: paged.journalledBodyBytes - (isJournalled ? bodyBytes : 0),
    unread: paged.unread - 1,
    unreadBodyBytes: paged.unreadBodyBytes - bodyBytes,
  }
  slab.liveBytes = Math.max(0, slab.liveBytes - recordBytes)
  if (outside !== undefined) slab.bodies?.settlePaged(outside, context)
  if (!isJournalled) return
  slab.journalled--
  slab.journalledBytes = Math.max(0, slab.journalledBytes - recordBytes)
}
