export { Connection, type ConnectionState } from './connection.ts'
export { AmqpContext, type ConnectionSettings } from './settings.ts'
export type { Peer, Transport } from './transport.ts'
