// Generated from spec/amqp-0-9-1.json by bin/generate-codec.ts; do not edit.
import { emptyMethodFrame } from '../frame.ts'
import { type MethodDecoder, NO_BYTES } from '../method.ts'
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
} from '../wire.ts'

/** channel.open, sent by the client. */
export const CHANNEL_OPEN = 0x0014000a

export class ChannelOpen implements MethodDecoder {
  buffer: Buffer = NO_BYTES
  outOfBandAt = 0

  decode(buffer: Buffer, from: number, to: number): boolean {
    this.buffer = buffer
    if (from + 1 > to) return false
    this.outOfBandAt = from
    const at = from + 1 + (buffer[from] as number)
    return at === to
  }

  get outOfBand(): string {
    return readShortstr(this.buffer, this.outOfBandAt)
  }
}

export interface ChannelOpenFields {
  outOfBand?: string
}

/**
 * A whole frame of channel.open; a field left out has the protocol's default.
 * @throws RangeError when a shortstr is over 255 bytes.
 */
export function encodeChannelOpen(channel: number, fields: ChannelOpenFields = {}): Buffer {
  const outOfBand = fields.outOfBand ?? ''
  const bytes = shortstrBytes(outOfBand)
  const frame = emptyMethodFrame(channel, CHANNEL_OPEN, bytes)
  writeShortstr(frame, 11, outOfBand)
  return frame
}

/** channel.open-ok, sent by the server. */
export const CHANNEL_OPEN_OK = 0x0014000b

export class ChannelOpenOk implements MethodDecoder {
  buffer: Buffer = NO_BYTES
  channelIdAt = 0

  decode(buffer: Buffer, from: number, to: number): boolean {
    this.buffer = buffer
    if (from + 4 > to) return false
    this.channelIdAt = from
    const at = from + 4 + readUint32(buffer, from)
    return at === to
  }

  get channelId(): Buffer {
    return readLongstr(this.buffer, this.channelIdAt)
  }
}

export interface ChannelOpenOkFields {
  channelId?: Buffer | string
}

/** A whole frame of channel.open-ok; a field left out has the protocol's default. */
export function encodeChannelOpenOk(channel: number, fields: ChannelOpenOkFields = {}): Buffer {
  const channelId = fields.channelId ?? ''
  const bytes = longstrBytes(channelId)
  const frame = emptyMethodFrame(channel, CHANNEL_OPEN_OK, bytes)
  writeLongstr(frame, 11, channelId)
  return frame
}

/** channel.flow, sent by either side. */
export const CHANNEL_FLOW = 0x00140014

export class ChannelFlow implements MethodDecoder {
  buffer: Buffer = NO_BYTES
  active = false

  decode(buffer: Buffer, from: number, to: number): boolean {
    this.buffer = buffer
    if (from + 1 !== to) return false
    this.active = ((buffer[from] as number) & 1) !== 0
    return true
  }
}

export interface ChannelFlowFields {
  active?: boolean
}

/** A whole frame of channel.flow; a field left out has the protocol's default. */
export function encodeChannelFlow(channel: number, fields: ChannelFlowFields = {}): Buffer {
  const frame = emptyMethodFrame(channel, CHANNEL_FLOW, 1)
  frame[11] = fields.active ? 1 : 0
  return frame
}

/** channel.flow-ok, sent by either side. */
export const CHANNEL_FLOW_OK = 0x00140015

export class ChannelFlowOk implements MethodDecoder {
  buffer: Buffer = NO_BYTES
  active = false

  decode(buffer: Buffer, from: number, to: number): boolean {
    this.buffer = buffer
    if (from + 1 !== to) return false
    this.active = ((buffer[from] as number) & 1) !== 0
    return true
  }
}

export interface ChannelFlowOkFields {
  active?: boolean
}

/** A whole frame of channel.flow-ok; a field left out has the protocol's default. */
export function encodeChannelFlowOk(channel: number, fields: ChannelFlowOkFields = {}): Buffer {
  const frame = emptyMethodFrame(channel, CHANNEL_FLOW_OK, 1)
  frame[11] = fields.active ? 1 : 0
  return frame
}

/** channel.close, sent by either side. */
export const CHANNEL_CLOSE = 0x00140028

export class ChannelClose implements MethodDecoder {
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

export interface ChannelCloseFields {
  replyCode?: number
  replyText?: string
  classId?: number
  methodId?: number
}

/**
 * A whole frame of channel.close; a field left out has the protocol's default.
 * @throws RangeError when a shortstr is over 255 bytes.
 */
export function encodeChannelClose(channel: number, fields: ChannelCloseFields = {}): Buffer {
  const replyText = fields.replyText ?? ''
  const bytes = 6 + shortstrBytes(replyText)
  const frame = emptyMethodFrame(channel, CHANNEL_CLOSE, bytes)
  writeUint16(frame, 11, fields.replyCode ?? 0)
  const at = writeShortstr(frame, 13, replyText)
  writeUint16(frame, at, fields.classId ?? 0)
  writeUint16(frame, at + 2, fields.methodId ?? 0)
  return frame
}

/** channel.close-ok, sent by either side. */
export const CHANNEL_CLOSE_OK = 0x00140029

export class ChannelCloseOk implements MethodDecoder {
  buffer: Buffer = NO_BYTES

  decode(buffer: Buffer, from: number, to: number): boolean {
    this.buffer = buffer
    return from === to
  }
}

export type ChannelCloseOkFields = Record<string, never>

/** A whole frame of channel.close-ok. */
export function encodeChannelCloseOk(channel: number, _fields: ChannelCloseOkFields = {}): Buffer {
  const frame = emptyMethodFrame(channel, CHANNEL_CLOSE_OK, 0)
  return frame
}
