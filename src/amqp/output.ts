import type { Flushable, Turn } from '../base/index.ts'
import { copyBytes } from '../codec/index.ts'
import type { Journal, JournalWaiter, Position } from '../store/index.ts'
import type { Transport } from './transport.ts'

/** Larger chunks cost cache misses, smaller ones more writes (measured: 16 and 256 KiB are both dearer). */
const CHUNK_BYTES = 65536

/** At most this many chunks rest in the pool: 4 MiB for the whole node. */
const POOLED_CHUNKS = 64

const NO_CHUNK = Buffer.alloc(0)

/** Stands for the length of bytes that are sent from where they rest. */
const SHARED = -1

/** Output chunks of one node: taken at a turn's first byte, given back when the kernel has taken them at once. */
export class OutputPool {
  readonly #chunks: Buffer[] = []

  take(): Buffer {
    return this.#chunks.pop() ?? Buffer.allocUnsafeSlow(CHUNK_BYTES)
  }

  give(chunk: Buffer): void {
    if (this.#chunks.length < POOLED_CHUNKS) this.#chunks.push(chunk)
  }
}

/** Bytes that wait for the journal; a length of SHARED says that they are not of a chunk. */
interface HeldBytes {
  readonly buffer: Buffer
  readonly length: number
  readonly position: Position
}

/**
 * What a connection says during one turn: frames encoded straight into chunks, written together at its end. A turn that
 * says something of which the journal is not sure yet is kept until it is, and so is all that follows, in order.
 */
export class Output implements JournalWaiter {
  /** The chunk that `reserve` gives room in; use it only right after a `reserve`. */
  chunk: Buffer = NO_CHUNK
  #length = 0
  /** Bytes not yet written. */
  pendingBytes = 0
  /** Chunks filled before the current one, and how far each is filled; or bytes of others, with length SHARED. */
  #full: Buffer[] = []
  #fullLengths: number[] = []
  /** What this turn says may leave when the journal has completed this; 0 for at once. */
  #position: Position = 0
  /** What turns before have said and must not leave yet, with positions that only grow. */
  #held: HeldBytes[] = []
  readonly #pool: OutputPool
  readonly #turn: Turn
  readonly #journal: Journal
  readonly #owner: Flushable

  constructor(pool: OutputPool, turn: Turn, journal: Journal, owner: Flushable) {
    this.#pool = pool
    this.#turn = turn
    this.#journal = journal
    this.#owner = owner
  }

  /** What is said in this turn must not leave before the journal has completed that position. */
  hold(position: Position): void {
    if (position > this.#journal.completed && position > this.#position) this.#position = position
  }

  /** True while something waits for the journal. */
  get held(): boolean {
    return this.#held.length > 0 || this.#position > this.#journal.completed
  }

  journalCompleted(): void {
    const first = this.#held[0]
    if (first !== undefined && first.position <= this.#journal.completed) this.#turn.flush(this.#owner)
  }

  /**
   * Makes room for bytes that the caller fills in at once.
   * @param bytes at most 64 KiB.
   * @returns the offset in `chunk` to write at.
   */
  reserve(bytes: number): number {
    const at = this.#length
    if (at + bytes > this.chunk.length) return this.#nextChunk(bytes)
    this.#length = at + bytes
    this.pendingBytes += bytes
    return at
  }

  /** Copies bytes of any length. */
  append(source: Buffer, from = 0, to = source.length): void {
    while (from < to) {
      if (this.#length === this.chunk.length) this.#nextChunk(0)
      const bytes = Math.min(to - from, this.chunk.length - this.#length)
      const at = this.reserve(bytes)
      copyBytes(source, from, from + bytes, this.chunk, at)
      from += bytes
    }
  }

  /** Sends bytes from where they rest: they must never change, however long the peer takes to read them. */
  appendShared(bytes: Buffer): void {
    if (this.#isSilent) this.#turn.flush(this.#owner)
    if (this.#length > 0) {
      this.#full.push(this.chunk)
      this.#fullLengths.push(this.#length)
      this.chunk = NO_CHUNK
      this.#length = 0
    }
    this.#full.push(bytes)
    this.#fullLengths.push(SHARED)
    this.pendingBytes += bytes.length
  }

  /** Hands over to the transport what may leave; what it has taken at once goes back to the pool. */
  flush(transport: Transport): void {
    if (this.pendingBytes === 0) return
    if (this.held) {
      this.#setAside()
      this.#sendHeld(transport)
      return
    }
    this.#position = 0
    const full = this.#full
    for (let i = 0; i < full.length; i++) this.#write(transport, full[i] as Buffer, this.#fullLengths[i] as number)
    full.length = 0
    this.#fullLengths.length = 0
    const last = this.chunk
    const lastLength = this.#length
    this.chunk = NO_CHUNK
    this.#length = 0
    this.pendingBytes = 0
    if (lastLength > 0) this.#write(transport, last, lastLength)
  }

  /** Nobody is left to hear what waits. */
  clear(): void {
    this.#held = []
    this.#position = 0
    this.#journal.removeWaiter(this)
  }

  /** Takes back what has not left. */
  discard(): void {
    this.clear()
    this.#full.length = 0
    this.#fullLengths.length = 0
    this.chunk = NO_CHUNK
    this.#length = 0
    this.pendingBytes = 0
  }

  /** Nothing was said in this turn yet. */
  get #isSilent(): boolean {
    return this.#length === 0 && this.#full.length === 0
  }

  /** What this turn has said joins what waits. */
  #setAside(): void {
    const held = this.#held
    if (held.length === 0) this.#journal.addWaiter(this)
    const position = Math.max(this.#position, held.at(-1)?.position ?? 0)
    this.#position = 0
    for (let i = 0; i < this.#full.length; i++) {
      held.push({ buffer: this.#full[i] as Buffer, length: this.#fullLengths[i] as number, position })
    }
    this.#full.length = 0
    this.#fullLengths.length = 0
    if (this.#length === 0) return
    // An answer is small: thousands of connections that wait for the disk must not keep a whole chunk each.
    const buffer = Buffer.from(this.chunk.subarray(0, this.#length))
    held.push({ buffer, length: SHARED, position })
    this.#pool.give(this.chunk)
    this.chunk = NO_CHUNK
    this.#length = 0
  }

  #sendHeld(transport: Transport): void {
    const held = this.#held
    const { completed } = this.#journal
    let count = 0
    for (; count < held.length; count++) {
      const { buffer, length, position } = held[count] as HeldBytes
      if (position > completed) break
      this.pendingBytes -= length === SHARED ? buffer.length : length
      this.#write(transport, buffer, length)
    }
    held.splice(0, count)
    if (held.length === 0) this.#journal.removeWaiter(this)
  }

  #write(transport: Transport, chunk: Buffer, length: number): void {
    if (length === SHARED) transport.write(chunk, true)
    else if (transport.write(length === chunk.length ? chunk : chunk.subarray(0, length))) this.#pool.give(chunk)
  }

  #nextChunk(bytes: number): number {
    if (this.#isSilent) this.#turn.flush(this.#owner)
    if (this.#length > 0) {
      this.#full.push(this.chunk)
      this.#fullLengths.push(this.#length)
    }
    this.chunk = this.#pool.take()
    this.#length = bytes
    this.pendingBytes += bytes
    return 0
  }
}
