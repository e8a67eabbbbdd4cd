// Generated from spec/amqp-0-9-1.json by bin/generate-codec.ts; do not edit.
import { emptyMethodFrame } from '../frame.ts'
import { type MethodDecoder, NO_BYTES } from '../method.ts'
import { readShortstr, readUint16, shortstrBytes, writeShortstr, writeUint16 } from '../wire.ts'

/** access.request, sent by the client. */
export const ACCESS_REQUEST = 0x001e000a

export class AccessRequest implements MethodDecoder {
  buffer: Buffer = NO_BYTES
  realmAt = 0
  exclusive = false
  passive = false
  active = false
  write = false
  read = false

  decode(buffer: Buffer, from: number, to: number): boolean {
    this.buffer = buffer
    if (from + 1 > to) return false
    this.realmAt = from
    const at = from + 1 + (buffer[from] as number)
    if (at + 1 !== to) return false
    const bits = buffer[at] as number
    this.exclusive = (bits & 1) !== 0
    this.passive = (bits & 2) !== 0
    this.active = (bits & 4) !== 0
    this.write = (bits & 8) !== 0
    this.read = (bits & 16) !== 0
    return true
  }

  get realm(): string {
    return readShortstr(this.buffer, this.realmAt)
  }
}

export interface AccessRequestFields {
  realm?: string
  exclusive?: boolean
  passive?: boolean
  active?: boolean
  write?: boolean
  read?: boolean
}

/**
 * A whole frame of access.request; a field left out has the protocol's default.
 * @throws RangeError when a shortstr is over 255 bytes.
 */
export function encodeAccessRequest(channel: number, fields: AccessRequestFields = {}): Buffer {
  const realm = fields.realm ?? '/data'
  const bytes = 1 + shortstrBytes(realm)
  const frame = emptyMethodFrame(channel, ACCESS_REQUEST, bytes)
  const at = writeShortstr(frame, 11, realm)
  let bits = 0
  if (fields.exclusive) bits |= 1
  if (fields.passive ?? true) bits |= 2
  if (fields.active ?? true) bits |= 4
  if (fields.write ?? true) bits |= 8
  if (fields.read ?? true) bits |= 16
  frame[at] = bits
  return frame
}

/** access.request-ok, sent by the server. */
export const ACCESS_REQUEST_OK = 0x001e000b

export class AccessRequestOk implements MethodDecoder {
  buffer: Buffer = NO_BYTES
  ticket = 0

  decode(buffer: Buffer, from: number, to: number): boolean {
    this.buffer = buffer
    if (from + 2 !== to) return false
    this.ticket = readUint16(buffer, from)
    return true
  }
}

export interface AccessRequestOkFields {
  ticket?: number
}

/** A whole frame of access.request-ok; a field left out has the protocol's default. */
export function encodeAccessRequestOk(channel: number, fields: AccessRequestOkFields = {}): Buffer {
  const frame = emptyMethodFrame(channel, ACCESS_REQUEST_OK, 2)
  writeUint16(frame, 11, fields.ticket ?? 1)
  return frame
}
