import {
  createExchangeTypes,
  type DelayedMessages,
  Exchange,
  findExchangeType,
} from '../../../src/broker/exchange/index.ts'
import type { EntityHost } from '../../../src/broker/host.ts'
import { type Message, MessageMark } from '../../../src/broker/message.ts'
import type { Slab } from '../../../src/broker/queue/slab.ts'
import { forEachKept, storedSlab } from '../../../src/broker/queue/slab-file.ts'
import { crashTailRecord } from '../../../src/broker/storage/crash-tail-record.ts'
import { BodyFileRecord, KeptRecord, RecordType, SegmentRecord } from '../../../src/broker/storage/index.ts'
import { MessageReplay } from '../../../src/broker/storage/replay.ts'
import { fromObject } from '../../../src/codec/index.ts'
import { FakeSegments } from '../queue/fake-segments.ts'
import { FakeHost } from '../queue/fakes.ts'
import { messageOf } from './support.ts'

const UID = 9

/** Keeps what an exchange lets go. */
class Host extends FakeHost {
  readonly released: string[] = []
  readonly lateness: number[] = []

  override publishFrom(_exchange?: Exchange, message?: Message): void {
    if (message === undefined) return
    const due = Number(message.routingKey)
    this.lateness.push(this.now - due)
    const mark = (message.marks & MessageMark.REDELIVERED) === 0 ? '' : ' again'
    this.released.push(`${message.body.toString().trimEnd()}${mark}`)
  }
}

/** A durable exchange that delays messages, with a journal that is kept and room for files. */
export class DelayBench {
  readonly host: Host
  readonly segments: FakeSegments
  readonly delayed: DelayedMessages

  constructor(segments = new FakeSegments(), now?: number) {
    this.segments = segments
    this.host = new Host(segments, now)
    const type = findExchangeType(createExchangeTypes(), 'x-delayed-message')
    const args = fromObject({ 'x-delayed-type': 'direct' })
    const options = { durable: true, autoDelete: false, internal: false, arguments: args, uid: UID }
    this.delayed = new Exchange(this.host as EntityHost, 'x', type, options).delayed as DelayedMessages
  }

  get released(): string[] {
    return this.host.released
  }

  /** The routing key says when it is due. */
  hold(body: string, delayMs: number, { bytes = 0, persistent = true } = {}): void {
    const message = messageOf({
      routingKey: String(this.host.now + delayMs),
      headers: { 'x-delay': delayMs },
      body: body.padEnd(bytes),
      ...(persistent ? { deliveryMode: 2 } : {}),
    })
    if (!this.delayed.hold(message)) throw new Error('it is not held')
  }

  slabs(): Slab[] {
    return [...this.delayed.slabs()].sort((a, b) => a.number - b.number)
  }

  /** Somebody else has the large messages that are in memory as well. @returns lets go of them. */
  share(): () => void {
    const { memory } = this.host
    const buffers = this.slabs().flatMap(({ references }) =>
      [...(references?.values() ?? [])].map(({ buffer }) => buffer),
    )
    for (const buffer of buffers) memory.used += memory.bodies.hold(buffer)
    return () => {
      for (const buffer of buffers) memory.used -= memory.bodies.release(buffer)
    }
  }

  /** Everything goes to files. */
  async pageOut(): Promise<void> {
    for (const slab of this.slabs()) {
      slab.line.seal(slab)
      if (slab.segment === undefined) {
        const written = await this.host.memory.traffic.write(slab, this.host.context)
        if (written !== undefined) slab.line.setSegment(slab, written, false)
      }
      slab.line.pageOut(slab)
    }
  }

  /** Time passes, a bit at a time, and what is read meanwhile arrives. */
  async pass(ms: number, stepMs = ms): Promise<void> {
    for (let left = ms; left > 0; left -= stepMs) {
      this.host.advance(Math.min(stepMs, left))
      await this.quiet()
    }
  }

  /** Lets everything happen that is still to happen, but for reads that are held back. */
  async quiet(): Promise<void> {
    for (let turns = 0; turns < 12; turns++) {
      this.host.settle()
      await new Promise((resolve) => setImmediate(resolve))
    }
  }

  /** Cuts the journal as a checkpoint does. */
  checkpoint(): void {
    const { journal, context } = this.host
    context.storage.settlements.flush()
    journal.records.length = 0
    const { crashTail } = this.delayed
    if (crashTail !== undefined) journal.append(crashTailRecord(UID, crashTail), RecordType.CRASH_TAIL)
    for (const file of this.host.memory.bodies.files) {
      file.isSynced = true
      journal.append(new BodyFileRecord().of(file.stored), RecordType.BODY_FILE)
    }
    const kept = new KeptRecord()
    for (const slab of this.slabs()) {
      if (slab.journalled === 0) continue
      if (slab.segment !== undefined) {
        slab.segmentSynced = true
        const record = new SegmentRecord().of(UID, storedSlab(slab))
        journal.append(record, record.type)
        continue
      }
      forEachKept(slab, (offset, state, expiry, message) => {
        journal.append(kept.of(UID, slab.number, offset, state, expiry, message), RecordType.KEPT)
      })
    }
  }

  /** The broker crashes, or has stopped, and starts again with what the journal says. */
  restart({ clean = false, afterMs = 0 } = {}): DelayBench {
    const replay = new MessageReplay()
    for (const { type, bytes } of this.host.journal.records) replay.record(type, bytes, 0)
    if (clean) replay.record(RecordType.CLEAN, Buffer.alloc(0), 0)
    const restored = replay.take(UID)
    const next = new DelayBench(this.segments, this.host.now + afterMs)
    const { bodies } = next.host.memory
    bodies.restore(replay.bodyFiles.values())
    if (restored !== undefined) next.delayed.restore(restored)
    bodies.forgetUnused()
    const files = [...(restored?.segments ?? []).map(({ file }) => file), ...[...bodies.files].map(({ ref }) => ref)]
    void this.segments.removeOthers(new Set(files.map(({ id }) => id)))
    next.checkpoint()
    return next
  }
}
