// Generated from spec/amqp-0-9-1.json by bin/generate-codec.ts; do not edit.
import { emptyMethodFrame } from '../frame.ts'
import { type MethodDecoder, NO_BYTES } from '../method.ts'
import { Table } from '../table.ts'
import { readTable } from '../table-reader.ts'
import { tableBytes, writeTable } from '../table-writer.ts'
import {
  longstrBytes,
  readLongstr,
  readShortstr,
  readUint16,
  readUint32,
  shortstrBytes,
  writeLongstr,
  writeShortstr,
  writeUint16,
  writeUint32,
} from '../wire.ts'

/** connection.start, sent by the server. */
export const CONNECTION_START = 0x000a000a

export class ConnectionStart implements MethodDecoder {
  buffer: Buffer = NO_BYTES
  versionMajor = 0
  versionMinor = 0
  serverPropertiesAt = 0
  mechanismsAt = 0
  localesAt = 0

  decode(buffer: Buffer, from: number, to: number): boolean {
    this.buffer = buffer
    if (from + 6 > to) return false
    this.versionMajor = buffer[from] as number
    this.versionMinor = buffer[from + 1] as number
    this.serverPropertiesAt = from + 2
    let at = from + 6 + readUint32(buffer, from + 2)
    if (at + 4 > to) return false
    this.mechanismsAt = at
    at += 4 + readUint32(buffer, at)
    if (at + 4 > to) return false
    this.localesAt = at
    at += 4 + readUint32(buffer, at)
    return at === to
  }

  get serverProperties(): Table {
    return readTable(this.buffer, this.serverPropertiesAt)
  }

  get mechanisms(): Buffer {
    return readLongstr(this.buffer, this.mechanismsAt)
  }

  get locales(): Buffer {
    return readLongstr(this.buffer, this.localesAt)
  }
}

export interface ConnectionStartFields {
  versionMajor?: number
  versionMinor?: number
  serverProperties?: Table
  mechanisms?: Buffer | string
  locales?: Buffer | string
}

/**
 * A whole frame of connection.start; a field left out has the protocol's default.
 * @throws RangeError when a shortstr is over 255 bytes.
 */
export function encodeConnectionStart(channel: number, fields: ConnectionStartFields = {}): Buffer {
  const serverProperties = fields.serverProperties ?? Table.empty
  const mechanisms = fields.mechanisms ?? 'PLAIN'
  const locales = fields.locales ?? 'en_US'
  const bytes = 2 + tableBytes(serverProperties) + longstrBytes(mechanisms) + longstrBytes(locales)
  const frame = emptyMethodFrame(channel, CONNECTION_START, bytes)
  frame[11] = fields.versionMajor ?? 0
  frame[12] = fields.versionMinor ?? 9
  let at = writeTable(frame, 13, serverProperties)
  at = writeLongstr(frame, at, mechanisms)
  writeLongstr(frame, at, locales)
  return frame
}

/** connection.start-ok, sent by the client. */
export const CONNECTION_START_OK = 0x000a000b

export class ConnectionStartOk implements MethodDecoder {
  buffer: Buffer = NO_BYTES
  clientPropertiesAt = 0
  mechanismAt = 0
  responseAt = 0
  localeAt = 0

  decode(buffer: Buffer, from: number, to: number): boolean {
    this.buffer = buffer
    if (from + 4 > to) return false
    this.clientPropertiesAt = from
    let at = from + 4 + readUint32(buffer, from)
    if (at + 1 > to) return false
    this.mechanismAt = at
    at += 1 + (buffer[at] as number)
    if (at + 4 > to) return false
    this.responseAt = at
    at += 4 + readUint32(buffer, at)
    if (at + 1 > to) return false
    this.localeAt = at
    at += 1 + (buffer[at] as number)
    return at === to
  }

  get clientProperties(): Table {
    return readTable(this.buffer, this.clientPropertiesAt)
  }

  get mechanism(): string {
    return readShortstr(this.buffer, this.mechanismAt)
  }

  get response(): Buffer {
    return readLongstr(this.buffer, this.responseAt)
  }

  get locale(): string {
    return readShortstr(this.buffer, this.localeAt)
  }
}

export interface ConnectionStartOkFields {
  clientProperties?: Table
  mechanism?: string
  response?: Buffer | string
  locale?: string
}

/**
 * A whole frame of connection.start-ok; a field left out has the protocol's default.
 * @throws RangeError when a shortstr is over 255 bytes.
 */
export function encodeConnectionStartOk(channel: number, fields: ConnectionStartOkFields = {}): Buffer {
  const clientProperties = fields.clientProperties ?? Table.empty
  const mechanism = fields.mechanism ?? 'PLAIN'
  const response = fields.response ?? ''
  const locale = fields.locale ?? 'en_US'
  const bytes = tableBytes(clientProperties) + shortstrBytes(mechanism) + longstrBytes(response) + shortstrBytes(locale)
  const frame = emptyMethodFrame(channel, CONNECTION_START_OK, bytes)
  let at = writeTable(frame, 11, clientProperties)
  at = writeShortstr(frame, at, mechanism)
  at = writeLongstr(frame, at, response)
  writeShortstr(frame, at, locale)
  return frame
}

/** connection.secure, sent by the server. */
export const CONNECTION_SECURE = 0x000a0014

export class ConnectionSecure implements MethodDecoder {
  buffer: Buffer = NO_BYTES
  challengeAt = 0

  decode(buffer: Buffer, from: number, to: number): boolean {
    this.buffer = buffer
    if (from + 4 > to) return false
    this.challengeAt = from
    const at = from + 4 + readUint32(buffer, from)
    return at === to
  }

  get challenge(): Buffer {
    return readLongstr(this.buffer, this.challengeAt)
  }
}

export interface ConnectionSecureFields {
  challenge?: Buffer | string
}

/** A whole frame of connection.secure; a field left out has the protocol's default. */
export function encodeConnectionSecure(channel: number, fields: ConnectionSecureFields = {}): Buffer {
  const challenge = fields.challenge ?? ''
  const bytes = longstrBytes(challenge)
  const frame = emptyMethodFrame(channel, CONNECTION_SECURE, bytes)
  writeLongstr(frame, 11, challenge)
  return frame
}

/** connection.secure-ok, sent by the client. */
export const CONNECTION_SECURE_OK = 0x000a0015

export class ConnectionSecureOk implements MethodDecoder {
  buffer: Buffer = NO_BYTES
  responseAt = 0

  decode(buffer: Buffer, from: number, to: number): boolean {
    this.buffer = buffer
    if (from + 4 > to) return false
    this.responseAt = from
    const at = from + 4 + readUint32(buffer, from)
    return at === to
  }

  get response(): Buffer {
    return readLongstr(this.buffer, this.responseAt)
  }
}

export interface ConnectionSecureOkFields {
  response?: Buffer | string
}

/** A whole frame of connection.secure-ok; a field left out has the protocol's default. */
export function encodeConnectionSecureOk(channel: number, fields: ConnectionSecureOkFields = {}): Buffer {
  const response = fields.response ?? ''
  const bytes = longstrBytes(response)
  const frame = emptyMethodFrame(channel, CONNECTION_SECURE_OK, bytes)
  writeLongstr(frame, 11, response)
  return frame
}

/** connection.tune, sent by the server. */
export const CONNECTION_TUNE = 0x000a001e

export class ConnectionTune implements MethodDecoder {
  buffer: Buffer = NO_BYTES
  channelMax = 0
  frameMax = 0
  heartbeat = 0

  decode(buffer: Buffer, from: number, to: number): boolean {
    this.buffer = buffer
    if (from + 8 !== to) return false
    this.channelMax = readUint16(buffer, from)
    this.frameMax = readUint32(buffer, from + 2)
    this.heartbeat = readUint16(buffer, from + 6)
    return true
  }
}

export interface ConnectionTuneFields {
  channelMax?: number
  frameMax?: number
  heartbeat?: number
}

/** A whole frame of connection.tune; a field left out has the protocol's default. */
export function encodeConnectionTune(channel: number, fields: ConnectionTuneFields = {}): Buffer {
  const frame = emptyMethodFrame(channel, CONNECTION_TUNE, 8)
  writeUint16(frame, 11, fields.channelMax ?? 0)
  writeUint32(frame, 13, fields.frameMax ?? 0)
  writeUint16(frame, 17, fields.heartbeat ?? 0)
  return frame
}

/** connection.tune-ok, sent by the client. */
export const CONNECTION_TUNE_OK = 0x000a001f

export class ConnectionTuneOk implements MethodDecoder {
  buffer: Buffer = NO_BYTES
  channelMax = 0
  frameMax = 0
  heartbeat = 0

  decode(buffer: Buffer, from: number, to: number): boolean {
    this.buffer = buffer
    if (from + 8 !== to) return false
    this.channelMax = readUint16(buffer, from)
    this.frameMax = readUint32(buffer, from + 2)
    this.heartbeat = readUint16(buffer, from + 6)
    return true
  }
}

export interface ConnectionTuneOkFields {
  channelMax?: number
  frameMax?: number
  heartbeat?: number
}

/** A whole frame of connection.tune-ok; a field left out has the protocol's default. */
export function encodeConnectionTuneOk(channel: number, fields: ConnectionTuneOkFields = {}): Buffer {
  const frame = emptyMethodFrame(channel, CONNECTION_TUNE_OK, 8)
  writeUint16(frame, 11, fields.channelMax ?? 0)
  writeUint32(frame, 13, fields.frameMax ?? 0)
  writeUint16(frame, 17, fields.heartbeat ?? 0)
  return frame
}

/** connection.open, sent by the client. */
export const CONNECTION_OPEN = 0x000a0028

export class ConnectionOpen implements MethodDecoder {
  buffer: Buffer = NO_BYTES
  virtualHostAt = 0
  capabilitiesAt = 0
  insist = false

  decode(buffer: Buffer, from: number, to: number): boolean {
    this.buffer = buffer
    if (from + 1 > to) return false
    this.virtualHostAt = from
    let at = from + 1 + (buffer[from] as number)
    if (at + 1 > to) return false
    this.capabilitiesAt = at
    at += 1 + (buffer[at] as number)
    if (at + 1 !== to) return false
    this.insist = ((buffer[at] as number) & 1) !== 0
    return true
  }

  get virtualHost(): string {
    return readShortstr(this.buffer, this.virtualHostAt)
  }

  get capabilities(): string {
    return readShortstr(this.buffer, this.capabilitiesAt)
  }
}

export interface ConnectionOpenFields {
  virtualHost?: string
  capabilities?: string
  insist?: boolean
}

/**
 * A whole frame of connection.open; a field left out has the protocol's default.
 * @throws RangeError when a shortstr is over 255 bytes.
 */
export function encodeConnectionOpen(channel: number, fields: ConnectionOpenFields = {}): Buffer {
  const virtualHost = fields.virtualHost ?? '/'
  const capabilities = fields.capabilities ?? ''
  const bytes = 1 + shortstrBytes(virtualHost) + shortstrBytes(capabilities)
  const frame = emptyMethodFrame(channel, CONNECTION_OPEN, bytes)
  let at = writeShortstr(frame, 11, virtualHost)
  at = writeShortstr(frame, at, capabilities)
  frame[at] = fields.insist ? 1 : 0
  return frame
}

/** connection.open-ok, sent by the server. */
export const CONNECTION_OPEN_OK = 0x000a0029

export class ConnectionOpenOk implements MethodDecoder {
  buffer: Buffer = NO_BYTES
  knownHostsAt = 0

  decode(buffer: Buffer, from: number, to: number): boolean {
    this.buffer = buffer
    if (from + 1 > to) return false
    this.knownHostsAt = from
    const at = from + 1 + (buffer[from] as number)
    return at === to
  }

  get knownHosts(): string {
    return readShortstr(this.buffer, this.knownHostsAt)
  }
}

export interface ConnectionOpenOkFields {
  knownHosts?: string
}

/**
 * A whole frame of connection.open-ok; a field left out has the protocol's default.
 * @throws RangeError when a shortstr is over 255 bytes.
 */
export function encodeConnectionOpenOk(channel: number, fields: ConnectionOpenOkFields = {}): Buffer {
  const knownHosts = fields.knownHosts ?? ''
  const bytes = shortstrBytes(knownHosts)
  const frame = emptyMethodFrame(channel, CONNECTION_OPEN_OK, bytes)
  writeShortstr(frame, 11, knownHosts)
  return frame
}

/** connection.close, sent by either side. */
export const CONNECTION_CLOSE = 0x000a0032

export class ConnectionClose implements MethodDecoder {
  buffer: Buffer = NO_BYTES
  replyCode = 0
  replyTextAt = 0
  classId = 0
  methodId = 0

  decode(buffer: Buffer, from: number, to: number): boolean {
    this.buffer = buffer
    if (from + 3 > to) return false
    this.replyCode = readUint16(buffer, from)
    this.replyTextAt = from + 2
    const at = from + 3 + (buffer[from + 2] as number)
    if (at + 4 !== to) return false
    this.classId = readUint16(buffer, at)
    this.methodId = readUint16(buffer, at + 2)
    return true
  }

  get replyText(): string {
    return readShortstr(this.buffer, this.replyTextAt)
  }
}

export interface ConnectionCloseFields {
  replyCode?: number
  replyText?: string
  classId?: number
  methodId?: number
}

/**
 * A whole frame of connection.close; a field left out has the protocol's default.
 * @throws RangeError when a shortstr is over 255 bytes.
 */
export function encodeConnectionClose(channel: number, fields: ConnectionCloseFields = {}): Buffer {
  const replyText = fields.replyText ?? ''
  const bytes = 6 + shortstrBytes(replyText)
  const frame = emptyMethodFrame(channel, CONNECTION_CLOSE, bytes)
  writeUint16(frame, 11, fields.replyCode ?? 0)
  const at = writeShortstr(frame, 13, replyText)
  writeUint16(frame, at, fields.classId ?? 0)
  writeUint16(frame, at + 2, fields.methodId ?? 0)
  return frame
}

/** connection.close-ok, sent by either side. */
export const CONNECTION_CLOSE_OK = 0x000a0033

export class ConnectionCloseOk implements MethodDecoder {
  buffer: Buffer = NO_BYTES

  decode(buffer: Buffer, from: number, to: number): boolean {
    this.buffer = buffer
    return from === to
  }
}

export type ConnectionCloseOkFields = Record<string, never>

/** A whole frame of connection.close-ok. */
export function encodeConnectionCloseOk(channel: number, _fields: ConnectionCloseOkFields = {}): Buffer {
  const frame = emptyMethodFrame(channel, CONNECTION_CLOSE_OK, 0)
  return frame
}

/** connection.blocked, sent by the server. */
export const CONNECTION_BLOCKED = 0x000a003c

export class ConnectionBlocked implements MethodDecoder {
  buffer: Buffer = NO_BYTES
  reasonAt = 0

  decode(buffer: Buffer, from: number, to: number): boolean {
    this.buffer = buffer
    if (from + 1 > to) return false
    this.reasonAt = from
    const at = from + 1 + (buffer[from] as number)
    return at === to
  }

  get reason(): string {
    return readShortstr(this.buffer, this.reasonAt)
  }
}

export interface ConnectionBlockedFields {
  reason?: string
}

/**
 * A whole frame of connection.blocked; a field left out has the protocol's default.
 * @throws RangeError when a shortstr is over 255 bytes.
 */
export function encodeConnectionBlocked(channel: number, fields: ConnectionBlockedFields = {}): Buffer {
  const reason = fields.reason ?? ''
  const bytes = shortstrBytes(reason)
  const frame = emptyMethodFrame(channel, CONNECTION_BLOCKED, bytes)
  writeShortstr(frame, 11, reason)
  return frame
}

/** connection.unblocked, sent by the server. */
export const CONNECTION_UNBLOCKED = 0x000a003d

export class ConnectionUnblocked implements MethodDecoder {
  buffer: Buffer = NO_BYTES

  decode(buffer: Buffer, from: number, to: number): boolean {
    this.buffer = buffer
    return from === to
  }
}

export type ConnectionUnblockedFields = Record<string, never>

/** A whole frame of connection.unblocked. */
export function encodeConnectionUnblocked(channel: number, _fields: ConnectionUnblockedFields = {}): Buffer {
  const frame = emptyMethodFrame(channel, CONNECTION_UNBLOCKED, 0)
  return frame
}

/** connection.update-secret, sent by the client. */
export const CONNECTION_UPDATE_SECRET = 0x000a0046

export class ConnectionUpdateSecret implements MethodDecoder {
  buffer: Buffer = NO_BYTES
  newSecretAt = 0
  reasonAt = 0

  decode(buffer: Buffer, from: number, to: number): boolean {
    this.buffer = buffer
    if (from + 4 > to) return false
    this.newSecretAt = from
    let at = from + 4 + readUint32(buffer, from)
    if (at + 1 > to) return false
    this.reasonAt = at
    at += 1 + (buffer[at] as number)
    return at === to
  }

  get newSecret(): Buffer {
    return readLongstr(this.buffer, this.newSecretAt)
  }

  get reason(): string {
    return readShortstr(this.buffer, this.reasonAt)
  }
}

export interface ConnectionUpdateSecretFields {
  newSecret?: Buffer | string
  reason?: string
}

/**
 * A whole frame of connection.update-secret; a field left out has the protocol's default.
 * @throws RangeError when a shortstr is over 255 bytes.
 */
export function encodeConnectionUpdateSecret(channel: number, fields: ConnectionUpdateSecretFields = {}): Buffer {
  const newSecret = fields.newSecret ?? ''
  const reason = fields.reason ?? ''
  const bytes = longstrBytes(newSecret) + shortstrBytes(reason)
  const frame = emptyMethodFrame(channel, CONNECTION_UPDATE_SECRET, bytes)
  const at = writeLongstr(frame, 11, newSecret)
  writeShortstr(frame, at, reason)
  return frame
}

/** connection.update-secret-ok, sent by the server. */
export const CONNECTION_UPDATE_SECRET_OK = 0x000a0047

export class ConnectionUpdateSecretOk implements MethodDecoder {
  buffer: Buffer = NO_BYTES

  decode(buffer: Buffer, from: number, to: number): boolean {
    this.buffer = buffer
    return from === to
  }
}

export type ConnectionUpdateSecretOkFields = Record<string, never>

/** A whole frame of connection.update-secret-ok. */
export function encodeConnectionUpdateSecretOk(channel: number, _fields: ConnectionUpdateSecretOkFields = {}): Buffer {
  const frame = emptyMethodFrame(channel, CONNECTION_UPDATE_SECRET_OK, 0)
  return frame
}
