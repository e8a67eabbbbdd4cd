import { isObject } from './json.ts'

/** Of the channel protocol; 2 and 3 differ from 1 in the heartbeat, and not at all for AMOP. */
const PROTOCOL_MIN = 1
const PROTOCOL_MAX = 3

export interface Agreed {
  readonly protocol: number
  /** What the SDK calls itself, empty when it does not say. */
  readonly clientType: string
}

/** @returns undefined when it is no handshake, or when the SDK's protocols are none of ours. */
export function agree(json: unknown): Agreed | undefined {
  if (!isObject(json)) return undefined
  const protocol = Math.min(PROTOCOL_MAX, protocolNumber(json.maximumSupport))
  if (protocol < Math.max(PROTOCOL_MIN, protocolNumber(json.minimumSupport))) return undefined
  const clientType = typeof json.clientType === 'string' ? json.clientType.slice(0, 100) : ''
  return { protocol, clientType }
}

/** Source: the C++ node; what is missing counts as 1. */
function protocolNumber(value: unknown): number {
  return Number.isInteger(value) ? (value as number) : PROTOCOL_MIN
}

export function handshakeAnswer(version: string, protocol: number): Buffer {
  return Buffer.from(`${JSON.stringify({ nodeVersion: version, protocol })}\n`)
}

const TEXT_BEAT = Buffer.from('0')
const TEXT_ANSWER = Buffer.from('1')
const JSON_ANSWER = Buffer.from('{"heartBeat":1}')

/** @returns undefined for what is not answered. */
export function heartbeatAnswer(protocol: number, body: Buffer): Buffer | undefined {
  // go-sdk's is empty.
  if (protocol > 1) return JSON_ANSWER
  return body.equals(TEXT_BEAT) ? TEXT_ANSWER : undefined
}
