import type { Timer } from '../base/index.ts'
import type { Connection } from './connection.ts'

/**
 * Heartbeats of one connection, both ways: something is sent at least every half interval, and a peer that has been
 * silent for two whole checks is dropped without a close method. Source: RabbitMQ.
 */
export class Heartbeat {
  /** Turns in which the connection has written something; counted by whoever writes. */
  sends = 0
  /** Set by whoever receives; cleared at each check. */
  received = false
  /** The broker itself has stopped reading: the peer's silence means nothing. */
  suspended = false
  readonly #connection: Connection
  #halfIntervalMs = 0
  /** What `sends` is if nothing but the last heartbeat has been written. */
  #sendsIfQuiet = 0
  #halves = 0
  #silentChecks = 0
  /** What the peer had still to take at the last check. */
  #lastBacklog = 0
  #timer: Timer | undefined

  constructor(connection: Connection) {
    this.#connection = connection
  }

  /** @param seconds what tune-ok said; 0 for no heartbeats. */
  start(seconds: number): void {
    if (seconds === 0) return
    this.#halfIntervalMs = seconds * 500
    this.#schedule()
  }

  stop(): void {
    this.#connection.timers.cancel(this.#timer)
    this.#timer = undefined
  }

  #schedule(): void {
    const connection = this.#connection
    this.#timer = connection.timers.schedule(connection.clock.now + this.#halfIntervalMs, () => this.#tick())
  }

  #tick(): void {
    const connection = this.#connection
    if (++this.#halves % 2 === 0 && this.#isDead()) {
      connection.log.warn(
        `connection ${connection.name}: no heartbeat for ${connection.heartbeatSeconds * 2} s, closing the socket`,
      )
      connection.drop()
      return
    }
    const quiet = this.sends === this.#sendsIfQuiet
    this.#sendsIfQuiet = quiet ? this.sends + 1 : this.sends
    if (quiet) connection.sendHeartbeat()
    this.#schedule()
  }

  #isDead(): boolean {
    // While we wait for the peer to read, nothing of it is heard: that it reads is its sign of life.
    const { backlog } = this.#connection
    const isReading = backlog !== this.#lastBacklog
    this.#lastBacklog = backlog
    // A peer whose answers we hold back may have nothing to say, or is not read from.
    const excused = this.suspended || this.#connection.out.held
    this.#silentChecks = this.received || excused || isReading ? 0 : this.#silentChecks + 1
    this.received = false
    return this.#silentChecks >= 2
  }
}
