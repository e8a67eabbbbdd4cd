import type { AlarmListener } from '../broker/index.ts'
import { encodeConnectionBlocked, encodeConnectionUnblocked } from '../codec/index.ts'
import type { Connection } from './connection.ts'
import { type ReadGate, ReadStop } from './read-gate.ts'

/** Stops reading from a connection that publishes while publishers are held back, and tells its client of alarms. */
export class PublisherGate implements AlarmListener {
  readonly #connection: Connection
  readonly #gate: ReadGate

  constructor(connection: Connection, gate: ReadGate) {
    this.#connection = connection
    this.#gate = gate
  }

  /** A publish has come while publishers are held back: nothing more is read from this connection until that is over. */
  holdBack(): void {
    const connection = this.#connection
    const { flow, reason } = connection.amqp.settings.alarms
    if (flow) this.#gate.stop(ReadStop.FLOW)
    // Told once, with the alarms there are by then, however many join or leave before the last is over.
    if (reason !== undefined && !this.#gate.isStopped(ReadStop.ALARM)) {
      this.#gate.stop(ReadStop.ALARM)
      if (connection.capabilities.connectionBlocked) connection.out.append(encodeConnectionBlocked(0, { reason }))
    }
    connection.heartbeat.suspended = true
  }

  alarmsChanged(): void {
    const connection = this.#connection
    const { flow, reason } = connection.amqp.settings.alarms
    if (!flow) this.#gate.go(ReadStop.FLOW)
    if (reason === undefined && this.#gate.isStopped(ReadStop.ALARM)) {
      if (connection.capabilities.connectionBlocked) connection.out.append(encodeConnectionUnblocked(0, {}))
      this.#gate.go(ReadStop.ALARM)
    }
    connection.heartbeat.suspended = this.#gate.isStopped(ReadStop.ALARM) || this.#gate.isStopped(ReadStop.FLOW)
  }

  /** The connection publishes from now on. */
  open(): void {
    this.#connection.amqp.settings.alarms.addListener(this)
  }

  /** What the client still has to say (a close-ok) must be heard. */
  close(): void {
    this.#connection.amqp.settings.alarms.removeListener(this)
    this.#gate.go(ReadStop.ALARM)
    this.#gate.go(ReadStop.FLOW)
  }
}
