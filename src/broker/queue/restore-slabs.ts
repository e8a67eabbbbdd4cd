import type { PropertyView } from '../../codec/index.ts'
import { Message } from '../message.ts'
import type { StoredSlab } from '../storage/index.ts'
import type { Line } from './line.ts'
import { pagedFrom } from './paged-slab.ts'
import { JOURNALLED, recordBodyBytes, recordExpiry, recordLength, recordState, showRecord } from './record.ts'
import type { RestoredQueue, RestoredSlab } from './restored.ts'
import type { Slab } from './slab.ts'
import type { Slabs } from './slabs.ts'

/** The lines that slabs come back into. */
export interface RestoredInto {
  /** Levels go from 0 to one less. */
  readonly count: number
  line(level: number): Line
  /** The line of the messages that are like this one. @param view to look at its properties. */
  lineFor(message: Message, view: PropertyView): Line
  /** No slab has a message yet; new ones get numbers from this one on. */
  numberFrom(number: number): void
}

/** What has come back into a queue. */
export interface Restored {
  messages: number
  bodyBytes: number
  /** Some of it expires. */
  expires: boolean
}

/**
 * Puts the slabs of a restart into the lines of a queue that has seen no message yet. Those in files stay there,
 * unopened.
 * @param properties to look at a message's properties
 */
export function restoreSlabs(
  slabs: Slabs,
  into: RestoredInto,
  properties: PropertyView,
  { segments, slabs: inMemory, lastSlabNumber }: RestoredQueue,
): Restored {
  const restored: Restored = { messages: 0, bodyBytes: 0, expires: false }
  const all: Slab[] = []
  into.numberFrom(lastSlabNumber + 1)
  for (const stored of segments) {
    if (stored.live > 0) all.push(restorePaged(slabs, into, stored, restored))
  }
  const view = new Message()
  for (const slab of inMemory) {
    if (slab.offsets.length > 0) all.push(restorePacked(slabs, into, properties, slab, view, restored))
  }
  all.sort((a, b) => a.number - b.number)
  for (const line of new Set(all.map((slab) => slab.line))) line.restore(all.filter((slab) => slab.line === line))
  return restored
}

function restorePaged(slabs: Slabs, into: RestoredInto, stored: StoredSlab, restored: Restored): Slab {
  const { live, liveBytes, bodyBytes, runs, expiry } = stored
  const line = into.line(Math.min(stored.level, into.count - 1))
  const slab = slabs.reopen(line, stored.number)
  slab.segment = stored.file
  slab.segmentSynced = true
  slab.bodies = slabs.restoreBodies(stored)
  slab.paged = pagedFrom(stored)
  slab.end = stored.end
  slab.startAt = runs?.[0] ?? 0
  slab.readAt = slab.startAt
  slab.handedTo = stored.takenTo
  slab.live = live
  slab.liveBytes = liveBytes
  slab.journalled = live
  slab.journalledBytes = liveBytes
  line.ready += live
  restored.messages += live
  restored.bodyBytes += bodyBytes
  if (expiry !== 0) restored.expires = true
  return slab
}

function restorePacked(
  slabs: Slabs,
  into: RestoredInto,
  properties: PropertyView,
  { number, memory, offsets, at: places, references, slabEnd }: RestoredSlab,
  view: Message,
  restored: Restored,
): Slab {
  const { bytes, words } = memory
  const first = references.get(offsets[0] as number)
  if (first === undefined) showRecord(bytes, words, places[0] as number, view)
  const line = into.lineFor(first ?? view, properties)
  view.release()
  const slab = slabs.reopen(line, number)
  slabs.adopt(slab, memory)
  slab.end = slabEnd
  slab.useTable(offsets, places)
  slab.startAt = offsets[0] as number
  slab.readAt = slab.startAt
  slab.live = offsets.length
  for (const [index, at] of places.entries()) {
    const offset = offsets[index] as number
    const reference = references.get(offset)
    const length = recordLength(words, at) + (reference === undefined ? 0 : slabs.addReference(slab, offset, reference))
    slab.liveBytes += length
    if ((recordState(words, at) & JOURNALLED) !== 0) {
      slab.journalled++
      slab.journalledBytes += length
    }
    restored.bodyBytes += recordBodyBytes(words, at)
    if (recordExpiry(words, at) !== 0) restored.expires = true
  }
  slabs.seal(slab)
  line.ready += slab.live
  restored.messages += slab.live
  return slab
}
