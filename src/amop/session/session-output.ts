import type { Clock, Timer, Timers } from '../../base/index.ts'
import type { AmopSettings } from '../settings.ts'
import type { AmopTransport } from '../transport.ts'

/** Bytes that wait from which on a session counts as slow. */
const SLOW_BYTES = 65_536

/** Node cuts smaller buffers from a shared one of 8 KiB. */
const SHARED_BELOW_BYTES = 4096

/**
 * What waits for one session. Pushes beyond the bound are refused, so that they go to somebody else. Answers have nobody
 * else to go to: beyond the bound the session is not read any more, so that it asks for no more, and beyond twice the
 * bound they are dropped. A session that leaves it so for long is given up.
 */
export class SessionOutput {
  readonly #transport: AmopTransport
  readonly #clock: Clock
  readonly #timers: Timers
  readonly #bytesMax: number
  readonly #timeoutMs: number
  readonly #full: () => void
  readonly #stuck: () => void
  #timer: Timer | undefined
  #paused = false
  #held = false
  /** When bytes were last taken off, in ms since the epoch. */
  activeAt: number

  /**
   * @param full is told when too much begins to wait.
   * @param stuck is told when that has been so for too long.
   */
  constructor(
    transport: AmopTransport,
    clock: Clock,
    timers: Timers,
    settings: Pick<AmopSettings, 'outputBytesMax' | 'outputTimeoutMs'>,
    full: () => void,
    stuck: () => void,
  ) {
    this.#transport = transport
    this.#clock = clock
    this.#timers = timers
    this.#bytesMax = settings.outputBytesMax
    this.#timeoutMs = settings.outputTimeoutMs
    this.#full = full
    this.#stuck = stuck
    this.activeAt = clock.now
  }

  get pendingBytes(): number {
    return this.#transport.pendingBytes
  }

  /** @returns false when too much waits already; a frame over the bound is taken when nothing else waits. */
  push(frame: Buffer): boolean {
    const { pendingBytes } = this.#transport
    if (pendingBytes > 0 && pendingBytes + frame.length > this.#bytesMax) {
      this.#overfull()
      return false
    }
    this.#write(frame)
    return true
  }

  /** @returns false when it was dropped. */
  answer(frame: Buffer): boolean {
    if (this.#transport.pendingBytes > 2 * this.#bytesMax) return false
    this.#write(frame)
    if (this.#transport.pendingBytes > this.#bytesMax) {
      this.#overfull()
      if (!this.#paused) {
        this.#paused = true
        if (!this.#held) this.#transport.pause()
      }
    }
    return true
  }

  /** The socket has taken something. */
  writable(): void {
    this.activeAt = this.#clock.now
    if (this.#roomy) this.#goOn()
  }

  /** Has the session not read, or read again, for a reason that has nothing to do with what waits here. */
  hold(held: boolean): void {
    if (held === this.#held) return
    this.#held = held
    if (this.#paused) return
    if (held) this.#transport.pause()
    else this.#transport.resume()
  }

  clear(): void {
    this.#timers.cancel(this.#timer)
    this.#timer = undefined
  }

  #write(frame: Buffer): void {
    // What waits long must not keep the rest of a shared buffer from being freed: that is up to 200 times as much.
    const own = frame.length < SHARED_BELOW_BYTES && this.#transport.pendingBytes > SLOW_BYTES
    this.#transport.write(own ? ownCopy(frame) : frame)
    if (this.#transport.pendingBytes === 0) this.activeAt = this.#clock.now
  }

  /** Not before half is gone, lest it go back and forth with each frame. */
  get #roomy(): boolean {
    return this.#transport.pendingBytes <= this.#bytesMax / 2
  }

  #goOn(): void {
    this.clear()
    if (!this.#paused) return
    this.#paused = false
    if (!this.#held) this.#transport.resume()
  }

  #overfull(): void {
    if (this.#timer !== undefined) return
    this.#full()
    this.#timer = this.#timers.schedule(this.#clock.now + this.#timeoutMs, () => {
      this.#timer = undefined
      // One frame may have been too large for what waited, and that has gone since.
      if (this.#roomy) this.#goOn()
      else this.#stuck()
    })
  }
}

function ownCopy(frame: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(frame.length)
  copy.set(frame)
  return copy
}
