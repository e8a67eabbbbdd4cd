import { isObject, type JsonObject } from '../session/json.ts'

/** As java-sdk asks. */
export const VERSION_REQUEST: Buffer = Buffer.from('{"jsonrpc":"2.0","method":"getClientVersion","params":[],"id":0}')

/** What our client calls itself: by it a node of ours knows that frames may come together. */
export const CLIENT_TYPE = 'leveret'

const PROTOCOL_MAX = 3

export function handshake(clientType: string): Buffer {
  return Buffer.from(JSON.stringify({ minimumSupport: 1, maximumSupport: PROTOCOL_MAX, clientType }))
}

/** From 2.1 on a node knows the handshake. */
const HANDSHAKE_SINCE = [2, 1] as const

export interface NodeVersion {
  readonly version: string | undefined
  /** False for a node so old that it would not know what a handshake is. */
  readonly knowsHandshake: boolean
}

/** @param json the answer to `VERSION_REQUEST`; a node that does not say its version is taken for a new one. */
export function versionOf(json: unknown): NodeVersion {
  const result = isObject(json) && isObject(json.result) ? json.result : {}
  const version = result['Supported Version']
  if (typeof version !== 'string') return { version: undefined, knowsHandshake: true }
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const [sinceMajor, sinceMinor] = HANDSHAKE_SINCE
  const older = major < sinceMajor || (major === sinceMajor && minor < sinceMinor)
  return { version, knowsHandshake: !older }
}

/** @returns the protocol agreed on; undefined when it is none of ours. */
export function handshakeAgreed({ protocol }: JsonObject): number | undefined {
  if (!Number.isInteger(protocol)) return undefined
  const number = protocol as number
  return number >= 1 && number <= PROTOCOL_MAX ? number : undefined
}

const TEXT_BEAT = Buffer.from('0')
const JSON_BEAT = Buffer.from('{"heartBeat":0}')

export function heartbeatBody(protocol: number): Buffer {
  return protocol === 1 ? TEXT_BEAT : JSON_BEAT
}
