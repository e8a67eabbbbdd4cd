import {
  CONNECTION_OPEN_OK,
  CONNECTION_START,
  CONNECTION_TUNE,
  ConnectionStart,
  ConnectionTune,
  cannotDecode,
  encodeConnectionOpen,
  encodeConnectionStartOk,
  encodeConnectionTuneOk,
  fromObject,
  PROTOCOL_HEADER,
} from '../../codec/index.ts'
import type { Client } from './client.ts'
import type { Target } from './uri.ts'

/** Takes a new connection to its virtual host, with PLAIN; settles the client's frameMax and channelMax. */
export async function shakeHands(client: Client, target: Target, connectionName: string): Promise<void> {
  const greeting = await client.call(0, PROTOCOL_HEADER, CONNECTION_START)
  const start = new ConnectionStart()
  if (!start.decode(greeting, 4, greeting.length)) throw cannotDecode(greeting, 4, greeting.length)
  client.serverProperties = start.serverProperties
  const startOk = encodeConnectionStartOk(0, {
    clientProperties: fromObject({
      product: 'leveret',
      connection_name: connectionName,
      // Without the first a broker answers a wrong password by closing the socket, for want of a method old clients know.
      capabilities: { authentication_failure_close: true, 'basic.nack': true, 'connection.blocked': true },
    }),
    mechanism: 'PLAIN',
    response: `\0${target.username}\0${target.password}`,
    locale: 'en_US',
  })
  const payload = await client.call(0, startOk, CONNECTION_TUNE)
  const tune = new ConnectionTune()
  if (!tune.decode(payload, 4, payload.length)) throw cannotDecode(payload, 4, payload.length)
  client.channelMax = tune.channelMax || 65_535
  client.frameMax = smallerLimit(client.frameMax, tune.frameMax)
  // No heartbeats: a tool that measures must not be measured itself, and its runs are short.
  client.write(encodeConnectionTuneOk(0, { channelMax: tune.channelMax, frameMax: client.frameMax, heartbeat: 0 }))
  await client.call(0, encodeConnectionOpen(0, { virtualHost: target.virtualHost }), CONNECTION_OPEN_OK)
}

/** The smaller of two limits of which 0 means none; what neither limits is bounded here. */
function smallerLimit(own: number, theirs: number): number {
  const limits = [own, theirs].filter((limit) => limit > 0)
  return limits.length === 0 ? 16 * 1024 * 1024 : Math.min(...limits)
}
