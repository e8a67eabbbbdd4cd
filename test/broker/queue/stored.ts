import type { Message } from '../../../src/broker/message.ts'
import { PLACE_SPAN, PublishOutcome, type Queue, REFUSED } from '../../../src/broker/queue/index.ts'
import { countsOf, surveySlab } from '../../../src/broker/queue/paged-slab.ts'
import type { RestoredQueue } from '../../../src/broker/queue/restored.ts'
import type { Slab } from '../../../src/broker/queue/slab.ts'
import { forEachKept, storedSlab } from '../../../src/broker/queue/slab-file.ts'
import {
  BodyFileRecord,
  CountsRecord,
  KeptRecord,
  MessageRecord,
  RecordType,
  SegmentRecord,
} from '../../../src/broker/storage/index.ts'
import { MessageReplay } from '../../../src/broker/storage/replay.ts'
import { FakeSegments } from './fake-segments.ts'
import { FakeHost, inChunk } from './fakes.ts'

/*
 * What a vhost, a pager and a checkpointer do for a stored queue, each in a few lines.
 */

export interface Stored {
  readonly host: FakeHost
  readonly segments: FakeSegments
  readonly queue: Queue
  readonly args: Record<string, unknown>
}

/** A durable queue with a journal that is kept and room for files. */
export function storedQueue(args: Record<string, unknown> = {}, segments = new FakeSegments(), now?: number): Stored {
  const host = new FakeHost(segments, now)
  return { host, segments, args, queue: host.queue('q', args, { durable: true, uid: 7 }) }
}

/** Publishes as a vhost does, with the journal between the two halves. */
export function publish(host: FakeHost, queue: Queue, message: Message, persistent = true): PublishOutcome {
  const place = queue.accept(message, persistent)
  if (place === REFUSED) return PublishOutcome.REJECTED
  if (place < 0) return PublishOutcome.ACCEPTED
  if (queue.acceptedJournalled) {
    const record = new MessageRecord().of(message)
    const slabNumber = Math.floor(place / PLACE_SPAN)
    record.add(queue.uid, slabNumber, place - slabNumber * PLACE_SPAN, queue.acceptedExpiry)
    host.journal.append(record, RecordType.MESSAGE)
  }
  queue.arrived(message)
  return PublishOutcome.ACCEPTED
}

/** Publishes messages `0`, `1`, …, each padded to so many bytes; every `perSlab` of them the slab is closed. */
export function fill({ host, queue }: Stored, count: number, bytes: number, perSlab = Number.POSITIVE_INFINITY): void {
  for (let index = 0; index < count; index++) {
    if (index > 0 && index % perSlab === 0) sealTails(queue)
    publish(host, queue, inChunk(String(index).padEnd(bytes)))
  }
}

export function slabsOf(queue: Queue): Slab[] {
  return [...queue.slabs()].sort((a, b) => a.number - b.number)
}

export function sealTails(queue: Queue): void {
  for (const slab of [...queue.slabs()]) slab.line.seal(slab)
}

/** Gives the slab a file, if it has none, and its memory back. */
export async function pageOut({ host }: Stored, slab: Slab): Promise<boolean> {
  slab.line.seal(slab)
  if (slab.segment === undefined) {
    const written = await host.memory.traffic.write(slab, host.context)
    if (written !== undefined) slab.line.setSegment(slab, written, false)
  }
  return slab.line.pageOut(slab)
}

export async function pageOutAll(stored: Stored): Promise<Slab[]> {
  const slabs = slabsOf(stored.queue)
  for (const slab of slabs) await pageOut(stored, slab)
  return slabs
}

/** Lets everything happen that is still to happen, but for reads that are held back. */
export async function quiet({ host, segments, queue }: Stored): Promise<void> {
  host.settle()
  await new Promise((resolve) => setImmediate(resolve))
  host.settle()
  while ([...queue.slabs()].some((slab) => slab.loading !== undefined) && !segments.held) {
    await new Promise((resolve) => setImmediate(resolve))
    host.settle()
  }
}

/** Files that nobody needs any more are gone. */
export async function swept(host: FakeHost): Promise<void> {
  host.settle()
  await new Promise((resolve) => setImmediate(resolve))
}

/** Cuts the journal as a checkpoint does. @param inFile which of the slabs in memory are told of by their file. */
export function checkpoint({ host, queue }: Stored, inFile: (slab: Slab) => boolean = () => true): void {
  const { journal } = host
  host.context.storage.settlements.flush()
  journal.records.length = 0
  const kept = new KeptRecord()
  for (const slab of slabsOf(queue)) {
    if (slab.journalled === 0) continue
    if (!slab.resident || (slab.segment !== undefined && inFile(slab))) {
      slab.segmentSynced = true
      for (const file of slab.bodies?.files ?? []) {
        file.isSynced = true
        journal.append(new BodyFileRecord().of(file.stored), RecordType.BODY_FILE)
      }
      const record = new SegmentRecord().of(queue.uid, storedSlab(slab))
      journal.append(record, record.type)
      const counts = countsOf(slab.paged ?? surveySlab(slab))
      if (counts.length > 0) journal.append(new CountsRecord().of(queue.uid, slab.number, counts), RecordType.COUNTS)
      continue
    }
    forEachKept(slab, (offset, state, expiry, message) => {
      journal.append(kept.of(queue.uid, slab.number, offset, state, expiry, message), RecordType.KEPT)
    })
  }
}

/** What the journal says of the queue. */
export function replay({ host, queue }: Stored, clean = false): RestoredQueue | undefined {
  const replay = new MessageReplay()
  for (const { type, bytes } of host.journal.records) replay.record(type, bytes, 0)
  if (clean) replay.record(RecordType.CLEAN, Buffer.alloc(0), 0)
  return replay.take(queue.uid)
}

/** The broker crashes, or has stopped, and starts again with what the journal says; it goes on with a checkpoint. */
export function restart(stored: Stored, clean = false, now = stored.host.now): Stored {
  const { segments, args } = stored
  const restored = replay(stored, clean)
  void segments.removeOthers(new Set(restored?.segments.map(({ file }) => file.id)))
  const next = storedQueue(args, segments, now)
  if (restored !== undefined) next.queue.restore(restored)
  checkpoint(next)
  return next
}
