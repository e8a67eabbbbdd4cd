import type { Mechanism, Users } from '../auth/index.ts'
import { type Alarms, Message, type VirtualHosts } from '../broker/index.ts'
import { createDecoders, type MethodDecoder, type Table } from '../codec/index.ts'
import type { Connection } from './connection.ts'
import { SpareTail } from './input-tail.ts'
import { OutputPool } from './output.ts'

/** What all AMQP connections of a node share. */
export interface ConnectionSettings {
  readonly virtualHosts: VirtualHosts
  readonly users: Users
  /** In the order they are offered. */
  readonly mechanisms: ReadonlyMap<string, Mechanism>
  readonly alarms: Alarms
  /** What connection.start says of the broker; the capabilities are added here. */
  readonly serverProperties: Table
  /** Largest frame in bytes, 4096 or more. */
  readonly frameMax: number
  /** Most channels a connection may have open, 1 to 65535. */
  readonly channelMax: number
  /** Proposed to the client, 0 for none. */
  readonly heartbeatSeconds: number
  /** From accept to connection.open. */
  readonly handshakeTimeoutMs: number
  /** Most consumers a channel may have; 0 for any number. */
  readonly consumersPerChannelMax: number
}

/** The settings with what the machines of one node share while they run. */
export class AmqpContext {
  readonly settings: ConnectionSettings
  readonly connections = new Set<Connection>()
  readonly outputs = new OutputPool()
  readonly spareTail = new SpareTail()
  /** What a basic.get shows, until it has been written. */
  readonly got = new Message()
  /** One reused object a method: frames are decoded and handled one after another. */
  readonly decoders: ReadonlyMap<number, MethodDecoder> = createDecoders()

  constructor(settings: ConnectionSettings) {
    this.settings = settings
  }
}
