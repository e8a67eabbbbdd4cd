import type { Socket } from 'node:net'
import type { Clock, Logger, Timer, Timers } from '../base/index.ts'
import type { Held, ReadBudget } from './read-budget.ts'

/**
 * Bytes taken from one connection in one turn. Measured: pausing after 64 KiB costs a tenth of the throughput,
 * after 256 KiB nothing.
 */
const READ_BYTES_MAX = 256 * 1024

/** What all connections of a listener share. */
export interface CarrierContext {
  readonly clock: Clock
  readonly timers: Timers
  readonly log: Logger
  readonly budget: ReadBudget
  /** How long a peer may take to close its side, and to read what it was sent, once we have closed ours; in ms. */
  readonly lingerMs: number
}

const CARRIER = Symbol('carrier')

interface CarriedSocket extends Socket {
  [CARRIER]: Carrier
}

/** Carries one machine over one socket: reads, pauses and ends. What is written is the business of each protocol's own. */
export abstract class Carrier implements Held {
  protected readonly context: CarrierContext
  protected readonly socket: Socket
  /** We have closed our side, or the peer has gone: nothing is handed on any more. */
  protected ended = false
  /** The machine has been told that it is over. */
  protected disconnected = false
  #turn = -1
  #turnBytes = 0
  /** Reading stopped: by the machine, or until the next turn. */
  #pausedByMachine = false
  #pausedByBudget = false
  #linger: Timer | undefined

  /** @param shared the socket was made by a {@link SharedRead} with `onRead`. */
  constructor(context: CarrierContext, socket: Socket, shared: boolean) {
    this.context = context
    this.socket = socket
    // Functions shared by all sockets, told apart by `this`: four closures a connection would cost half a kilobyte.
    ;(socket as CarriedSocket)[CARRIER] = this
    if (!shared) socket.on('data', onRead)
    socket.on('end', onEnd)
    socket.on('error', onError)
    socket.on('close', onClose)
  }

  /** Hands a read to the machine, with the clock refreshed. */
  protected abstract handOn(chunk: Buffer): void
  /** Tells the machine, once, that nothing more comes. */
  protected abstract handEnd(): void

  /** Begins to read, unless the machine has paused as soon as it was made. */
  protected start(): void {
    if (!this.#pausedByMachine) this.socket.resume()
  }

  pause(): void {
    if (this.#pausedByMachine || this.ended) return
    this.#pausedByMachine = true
    this.socket.pause()
  }

  resume(): void {
    if (!this.#pausedByMachine) return
    this.#pausedByMachine = false
    if (!this.#pausedByBudget) this.socket.resume()
  }

  end(): void {
    if (this.ended) return
    this.ended = true
    this.socket.end()
    // Goes on reading, into nothing: closing with unread bytes would make the system send a reset, and a reset
    // overtakes the close method that says why.
    this.socket.resume()
    this.#startLinger()
  }

  destroy(): void {
    this.ended = true
    this.socket.destroy()
  }

  nextTurn(): void {
    this.#pausedByBudget = false
    if (!this.#pausedByMachine && !this.socket.destroyed) this.socket.resume()
  }

  received(chunk: Buffer): void {
    if (this.ended) return
    const { budget, clock } = this.context
    const turn = budget.enter()
    if (turn !== this.#turn) {
      this.#turn = turn
      this.#turnBytes = 0
    }
    this.#turnBytes += chunk.length
    if (this.#turnBytes >= READ_BYTES_MAX && !this.#pausedByBudget) {
      this.#pausedByBudget = true
      this.socket.pause()
      budget.hold(this)
    }
    clock.refresh()
    this.handOn(chunk)
  }

  /** The peer will send no more. Neither protocol knows half-open connections, so this is its end. */
  peerEnded(): void {
    this.#disconnect()
    this.ended = true
    // What was written may still flow out, but not for ever: a peer that does not read would pin it.
    this.#startLinger()
  }

  failed(error: Error): void {
    const { log } = this.context
    if (log.debugEnabled) log.debug('socket error', { error: error.message })
  }

  closed(): void {
    this.context.timers.cancel(this.#linger)
    this.#linger = undefined
    this.#disconnect()
    this.ended = true
  }

  #disconnect(): void {
    if (this.disconnected) return
    this.disconnected = true
    this.context.clock.refresh()
    this.handEnd()
  }

  #startLinger(): void {
    if (this.#linger !== undefined || this.socket.destroyed) return
    const { clock, timers, lingerMs } = this.context
    this.#linger = timers.schedule(clock.refresh() + lingerMs, () => this.socket.destroy())
  }
}

/** A socket with a carrier has read; the bytes are only good during the call. */
export function onRead(this: unknown, bytes: Buffer): void {
  ;(this as CarriedSocket)[CARRIER].received(bytes)
}

function onEnd(this: unknown): void {
  ;(this as CarriedSocket)[CARRIER].peerEnded()
}

function onError(this: unknown, error: Error): void {
  ;(this as CarriedSocket)[CARRIER].failed(error)
}

function onClose(this: unknown): void {
  ;(this as CarriedSocket)[CARRIER].closed()
}
