import type { Flushable, Turn } from '../base/index.ts'
import { copyBytes } from '../codec/index.ts'
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

/** What a connection says during one turn: frames encoded straight into chunks, written together at its end. */
export class Output {
  /** The chunk that `reserve` gives room in; use it only right after a `reserve`. */
  chunk: Buffer = NO_CHUNK
  #length = 0
  /** Bytes in all chunks not yet written. */
  pendingBytes = 0
  /** Chunks filled before the current one, and how far each is filled; or bytes of others, with length SHARED. */
  #full: Buffer[] = []
  #fullLengths: number[] = []
  readonly #pool: OutputPool
  readonly #turn: Turn
  readonly #owner: Flushable

  constructor(pool: OutputPool, turn: Turn, owner: Flushable) {
    this.#pool = pool
    this.#turn = turn
    this.#owner = owner
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
    if (this.pendingBytes === 0) this.#turn.flush(this.#owner)
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

  /** Hands everything to the transport; what it has taken at once goes back to the pool. */
  flush(transport: Transport): void {
    if (this.pendingBytes === 0) return
    const full = this.#full
    for (let i = 0; i < full.length; i++) {
      const length = this.#fullLengths[i] as number
      if (length === SHARED) transport.write(full[i] as Buffer, true)
      else this.#write(transport, full[i] as Buffer, length)
    }
    full.length = 0
    this.#fullLengths.length = 0
    const last = this.chunk
    const lastLength = this.#length
    this.chunk = NO_CHUNK
    this.#length = 0
    this.pendingBytes = 0
    if (lastLength > 0) this.#write(transport, last, lastLength)
  }

  #write(transport: Transport, chunk: Buffer, length: number): void {
    if (transport.write(length === chunk.length ? chunk : chunk.subarray(0, length))) this.#pool.give(chunk)
  }

  #nextChunk(bytes: number): number {
    if (this.pendingBytes === 0) this.#turn.flush(this.#owner)
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
