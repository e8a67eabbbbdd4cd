import type { Socket } from 'node:net'
import type { Peer, Transport } from '../amqp/index.ts'
import type { Clock, Logger, Timer, Timers } from '../base/index.ts'
import type { Machine, MachineFactory } from './machine.ts'
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

/** Carries one machine over one socket. */
export class Carrier implements Transport, Held {
  readonly #context: CarrierContext
  readonly #socket: Socket
  readonly #machine: Machine
  #turn = -1
  #turnBytes = 0
  /** Reading stopped: by the machine, or until the next turn. */
  #pausedByMachine = false
  #pausedByBudget = false
  #waitingForDrain = false
  #ended = false
  #disconnected = false
  #linger: Timer | undefined
  readonly #taken = (): void => this.#afterWrite()

  /** @param shared the socket was made by a {@link SharedRead} with `onRead`. */
  constructor(context: CarrierContext, socket: Socket, peer: Peer, create: MachineFactory, shared: boolean) {
    this.#context = context
    this.#socket = socket
    // Functions shared by all sockets, told apart by `this`: four closures a connection would cost half a kilobyte.
    ;(socket as CarriedSocket)[CARRIER] = this
    if (!shared) socket.on('data', onRead)
    socket.on('end', onEnd)
    socket.on('error', onError)
    socket.on('close', onClose)
    this.#machine = create(peer, this)
    if (!this.#pausedByMachine) socket.resume()
  }

  get backlog(): number {
    return this.#socket.writableLength
  }

  write(bytes: Buffer): boolean {
    const socket = this.#socket
    if (this.#ended || socket.destroyed) return true
    socket.write(bytes, this.#taken)
    if (socket.writableLength === 0) return true
    this.#waitingForDrain = true
    return false
  }

  pause(): void {
    if (this.#pausedByMachine || this.#ended) return
    this.#pausedByMachine = true
    this.#socket.pause()
  }

  resume(): void {
    if (!this.#pausedByMachine) return
    this.#pausedByMachine = false
    if (!this.#pausedByBudget) this.#socket.resume()
  }

  end(): void {
    if (this.#ended) return
    this.#ended = true
    this.#socket.end()
    // Goes on reading, into nothing: closing with unread bytes would make the system send a reset, and a reset
    // overtakes the close method that says why.
    this.#socket.resume()
    this.#startLinger()
  }

  destroy(): void {
    this.#ended = true
    this.#socket.destroy()
  }

  nextTurn(): void {
    this.#pausedByBudget = false
    if (!this.#pausedByMachine && !this.#socket.destroyed) this.#socket.resume()
  }

  received(chunk: Buffer): void {
    if (this.#ended) return
    const { budget, clock } = this.#context
    const turn = budget.enter()
    if (turn !== this.#turn) {
      this.#turn = turn
      this.#turnBytes = 0
    }
    this.#turnBytes += chunk.length
    if (this.#turnBytes >= READ_BYTES_MAX && !this.#pausedByBudget) {
      this.#pausedByBudget = true
      this.#socket.pause()
      budget.hold(this)
    }
    clock.refresh()
    this.#machine.receive(chunk)
  }

  /** The peer will send no more. AMQP knows no half-open connection, so this is its end. */
  peerEnded(): void {
    this.#disconnect()
    this.#ended = true
    // What was written may still flow out, but not for ever: a peer that does not read would pin it.
    this.#startLinger()
  }

  failed(error: Error): void {
    const { log } = this.#context
    if (log.debugEnabled) log.debug('socket error', { error: error.message })
  }

  closed(): void {
    this.#context.timers.cancel(this.#linger)
    this.#linger = undefined
    this.#disconnect()
    this.#ended = true
  }

  #afterWrite(): void {
    if (!this.#waitingForDrain || this.#socket.writableLength > 0) return
    this.#waitingForDrain = false
    if (this.#disconnected) return
    this.#context.clock.refresh()
    this.#machine.writable()
  }

  #disconnect(): void {
    if (this.#disconnected) return
    this.#disconnected = true
    this.#context.clock.refresh()
    this.#machine.disconnected()
  }

  #startLinger(): void {
    if (this.#linger !== undefined || this.#socket.destroyed) return
    const { clock, timers, lingerMs } = this.#context
    this.#linger = timers.schedule(clock.refresh() + lingerMs, () => this.#socket.destroy())
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
