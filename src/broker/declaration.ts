import type { Table } from '../codec/index.ts'

export interface ExchangeDeclaration {
  readonly name: string
  readonly type: string
  readonly durable: boolean
  readonly autoDelete: boolean
  readonly internal: boolean
  readonly arguments: Table
  /** The number that its delayed messages had before a restart. */
  readonly uid?: number
}

export interface QueueDeclaration {
  readonly name: string
  /** The server has made the name, so it may begin with `amq.`. */
  readonly serverNamed: boolean
  readonly durable: boolean
  readonly exclusive: boolean
  readonly autoDelete: boolean
  readonly arguments: Table
  /** The number that it had before a restart. */
  readonly uid?: number
  /** Who declares it; left out by the program that the broker is embedded in. */
  readonly user?: string
}
