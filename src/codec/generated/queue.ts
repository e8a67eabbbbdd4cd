// Generated from spec/amqp-0-9-1.json by bin/generate-codec.ts; do not edit.
import { emptyMethodFrame } from '../frame.ts'
import { type MethodDecoder, NO_BYTES } from '../method.ts'
import { Table } from '../table.ts'
import { readTable } from '../table-reader.ts'
import { tableBytes, writeTable } from '../table-writer.ts'
import {
  readShortstr,
  readUint16,
  readUint32,
  shortstrBytes,
  writeShortstr,
  writeUint16,
  writeUint32,
} from '../wire.ts'

/** queue.declare, sent by the client. */
export const QUEUE_DECLARE = 0x0032000a

export class QueueDeclare implements MethodDecoder {
  buffer: Buffer = NO_BYTES
  ticket = 0
  queueAt = 0
  passive = false
  durable = false
  exclusive = false
  autoDelete = false
  noWait = false
  argumentsAt = 0

  decode(buffer: Buffer, from: number, to: number): boolean {
    this.buffer = buffer
    if (from + 3 > to) return false
    this.ticket = readUint16(buffer, from)
    this.queueAt = from + 2
    let at = from + 3 + (buffer[from + 2] as number)
    if (at + 5 > to) return false
    const bits = buffer[at] as number
    this.passive = (bits & 1) !== 0
    this.durable = (bits & 2) !== 0
    this.exclusive = (bits & 4) !== 0
    this.autoDelete = (bits & 8) !== 0
    this.noWait = (bits & 16) !== 0
    this.argumentsAt = at + 1
    at += 5 + readUint32(buffer, at + 1)
    return at === to
  }

  get queue(): string {
    return readShortstr(this.buffer, this.queueAt)
  }

  get arguments(): Table {
    return readTable(this.buffer, this.argumentsAt)
  }
}

export interface QueueDeclareFields {
  ticket?: number
  queue?: string
  passive?: boolean
  durable?: boolean
  exclusive?: boolean
  autoDelete?: boolean
  noWait?: boolean
  arguments?: Table
}

/**
 * A whole frame of queue.declare; a field left out has the protocol's default.
 * @throws RangeError when a shortstr is over 255 bytes.
 */
export function encodeQueueDeclare(channel: number, fields: QueueDeclareFields = {}): Buffer {
  const queue = fields.queue ?? ''
  const table = fields.arguments ?? Table.empty
  const bytes = 3 + shortstrBytes(queue) + tableBytes(table)
  const frame = emptyMethodFrame(channel, QUEUE_DECLARE, bytes)
  writeUint16(frame, 11, fields.ticket ?? 0)
  const at = writeShortstr(frame, 13, queue)
  let bits = 0
  if (fields.passive) bits |= 1
  if (fields.durable) bits |= 2
  if (fields.exclusive) bits |= 4
  if (fields.autoDelete) bits |= 8
  if (fields.noWait) bits |= 16
  frame[at] = bits
  writeTable(frame, at + 1, table)
  return frame
}

/** queue.declare-ok, sent by the server. */
export const QUEUE_DECLARE_OK = 0x0032000b

export class QueueDeclareOk implements MethodDecoder {
  buffer: Buffer = NO_BYTES
  queueAt = 0
  messageCount = 0
  consumerCount = 0

  decode(buffer: Buffer, from: number, to: number): boolean {
    this.buffer = buffer
    if (from + 1 > to) return false
    this.queueAt = from
    const at = from + 1 + (buffer[from] as number)
    if (at + 8 !== to) return false
    this.messageCount = readUint32(buffer, at)
    this.consumerCount = readUint32(buffer, at + 4)
    return true
  }

  get queue(): string {
    return readShortstr(this.buffer, this.queueAt)
  }
}

export interface QueueDeclareOkFields {
  queue?: string
  messageCount?: number
  consumerCount?: number
}

/**
 * A whole frame of queue.declare-ok; a field left out has the protocol's default.
 * @throws RangeError when a shortstr is over 255 bytes.
 */
export function encodeQueueDeclareOk(channel: number, fields: QueueDeclareOkFields = {}): Buffer {
  const queue = fields.queue ?? ''
  const bytes = 8 + shortstrBytes(queue)
  const frame = emptyMethodFrame(channel, QUEUE_DECLARE_OK, bytes)
  const at = writeShortstr(frame, 11, queue)
  writeUint32(frame, at, fields.messageCount ?? 0)
  writeUint32(frame, at + 4, fields.consumerCount ?? 0)
  return frame
}

/** queue.bind, sent by the client. */
export const QUEUE_BIND = 0x00320014

export class QueueBind implements MethodDecoder {
  buffer: Buffer = NO_BYTES
  ticket = 0
  queueAt = 0
  exchangeAt = 0
  routingKeyAt = 0
  noWait = false
  argumentsAt = 0

  decode(buffer: Buffer, from: number, to: number): boolean {
    this.buffer = buffer
    if (from + 3 > to) return false
    this.ticket = readUint16(buffer, from)
    this.queueAt = from + 2
    let at = from + 3 + (buffer[from + 2] as number)
    if (at + 1 > to) return false
    this.exchangeAt = at
    at += 1 + (buffer[at] as number)
    if (at + 1 > to) return false
    this.routingKeyAt = at
    at += 1 + (buffer[at] as number)
    if (at + 5 > to) return false
    this.noWait = ((buffer[at] as number) & 1) !== 0
    this.argumentsAt = at + 1
    at += 5 + readUint32(buffer, at + 1)
    return at === to
  }

  get queue(): string {
    return readShortstr(this.buffer, this.queueAt)
  }

  get exchange(): string {
    return readShortstr(this.buffer, this.exchangeAt)
  }

  get routingKey(): string {
    return readShortstr(this.buffer, this.routingKeyAt)
  }

  get arguments(): Table {
    return readTable(this.buffer, this.argumentsAt)
  }
}

export interface QueueBindFields {
  ticket?: number
  queue?: string
  exchange?: string
  routingKey?: string
  noWait?: boolean
  arguments?: Table
}

/**
 * A whole frame of queue.bind; a field left out has the protocol's default.
 * @throws RangeError when a shortstr is over 255 bytes.
 */
export function encodeQueueBind(channel: number, fields: QueueBindFields = {}): Buffer {
  const queue = fields.queue ?? ''
  const exchange = fields.exchange ?? ''
  const routingKey = fields.routingKey ?? ''
  const table = fields.arguments ?? Table.empty
  const bytes = 3 + shortstrBytes(queue) + shortstrBytes(exchange) + shortstrBytes(routingKey) + tableBytes(table)
  const frame = emptyMethodFrame(channel, QUEUE_BIND, bytes)
  writeUint16(frame, 11, fields.ticket ?? 0)
  let at = writeShortstr(frame, 13, queue)
  at = writeShortstr(frame, at, exchange)
  at = writeShortstr(frame, at, routingKey)
  frame[at] = fields.noWait ? 1 : 0
  writeTable(frame, at + 1, table)
  return frame
}

/** queue.bind-ok, sent by the server. */
export const QUEUE_BIND_OK = 0x00320015

export class QueueBindOk implements MethodDecoder {
  buffer: Buffer = NO_BYTES

  decode(buffer: Buffer, from: number, to: number): boolean {
    this.buffer = buffer
    return from === to
  }
}

export type QueueBindOkFields = Record<string, never>

/** A whole frame of queue.bind-ok. */
export function encodeQueueBindOk(channel: number, _fields: QueueBindOkFields = {}): Buffer {
  const frame = emptyMethodFrame(channel, QUEUE_BIND_OK, 0)
  return frame
}

/** queue.purge, sent by the client. */
export const QUEUE_PURGE = 0x0032001e

export class QueuePurge implements MethodDecoder {
  buffer: Buffer = NO_BYTES
  ticket = 0
  queueAt = 0
  noWait = false

  decode(buffer: Buffer, from: number, to: number): boolean {
    this.buffer = buffer
    if (from + 3 > to) return false
    this.ticket = readUint16(buffer, from)
    this.queueAt = from + 2
    const at = from + 3 + (buffer[from + 2] as number)
    if (at + 1 !== to) return false
    this.noWait = ((buffer[at] as number) & 1) !== 0
    return true
  }

  get queue(): string {
    return readShortstr(this.buffer, this.queueAt)
  }
}

export interface QueuePurgeFields {
  ticket?: number
  queue?: string
  noWait?: boolean
}

/**
 * A whole frame of queue.purge; a field left out has the protocol's default.
 * @throws RangeError when a shortstr is over 255 bytes.
 */
export function encodeQueuePurge(channel: number, fields: QueuePurgeFields = {}): Buffer {
  const queue = fields.queue ?? ''
  const bytes = 3 + shortstrBytes(queue)
  const frame = emptyMethodFrame(channel, QUEUE_PURGE, bytes)
  writeUint16(frame, 11, fields.ticket ?? 0)
  const at = writeShortstr(frame, 13, queue)
  frame[at] = fields.noWait ? 1 : 0
  return frame
}

/** queue.purge-ok, sent by the server. */
export const QUEUE_PURGE_OK = 0x0032001f

export class QueuePurgeOk implements MethodDecoder {
  buffer: Buffer = NO_BYTES
  messageCount = 0

  decode(buffer: Buffer, from: number, to: number): boolean {
    this.buffer = buffer
    if (from + 4 !== to) return false
    this.messageCount = readUint32(buffer, from)
    return true
  }
}

export interface QueuePurgeOkFields {
  messageCount?: number
}

/** A whole frame of queue.purge-ok; a field left out has the protocol's default. */
export function encodeQueuePurgeOk(channel: number, fields: QueuePurgeOkFields = {}): Buffer {
  const frame = emptyMethodFrame(channel, QUEUE_PURGE_OK, 4)
  writeUint32(frame, 11, fields.messageCount ?? 0)
  return frame
}

/** queue.delete, sent by the client. */
export const QUEUE_DELETE = 0x00320028

export class QueueDelete implements MethodDecoder {
  buffer: Buffer = NO_BYTES
  ticket = 0
  queueAt = 0
  ifUnused = false
  ifEmpty = false
  noWait = false

  decode(buffer: Buffer, from: number, to: number): boolean {
    this.buffer = buffer
    if (from + 3 > to) return false
    this.ticket = readUint16(buffer, from)
    this.queueAt = from + 2
    const at = from + 3 + (buffer[from + 2] as number)
    if (at + 1 !== to) return false
    const bits = buffer[at] as number
    this.ifUnused = (bits & 1) !== 0
    this.ifEmpty = (bits & 2) !== 0
    this.noWait = (bits & 4) !== 0
    return true
  }

  get queue(): string {
    return readShortstr(this.buffer, this.queueAt)
  }
}

export interface QueueDeleteFields {
  ticket?: number
  queue?: string
  ifUnused?: boolean
  ifEmpty?: boolean
  noWait?: boolean
}

/**
 * A whole frame of queue.delete; a field left out has the protocol's default.
 * @throws RangeError when a shortstr is over 255 bytes.
 */
export function encodeQueueDelete(channel: number, fields: QueueDeleteFields = {}): Buffer {
  const queue = fields.queue ?? ''
  const bytes = 3 + shortstrBytes(queue)
  const frame = emptyMethodFrame(channel, QUEUE_DELETE, bytes)
  writeUint16(frame, 11, fields.ticket ?? 0)
  const at = writeShortstr(frame, 13, queue)
  let bits = 0
  if (fields.ifUnused) bits |= 1
  if (fields.ifEmpty) bits |= 2
  if (fields.noWait) bits |= 4
  frame[at] = bits
  return frame
}

/** queue.delete-ok, sent by the server. */
export const QUEUE_DELETE_OK = 0x00320029

export class QueueDeleteOk implements MethodDecoder {
  buffer: Buffer = NO_BYTES
  messageCount = 0

  decode(buffer: Buffer, from: number, to: number): boolean {
    this.buffer = buffer
    if (from + 4 !== to) return false
    this.messageCount = readUint32(buffer, from)
    return true
  }
}

export interface QueueDeleteOkFields {
  messageCount?: number
}

/** A whole frame of queue.delete-ok; a field left out has the protocol's default. */
export function encodeQueueDeleteOk(channel: number, fields: QueueDeleteOkFields = {}): Buffer {
  const frame = emptyMethodFrame(channel, QUEUE_DELETE_OK, 4)
  writeUint32(frame, 11, fields.messageCount ?? 0)
  return frame
}

/** queue.unbind, sent by the client. */
export const QUEUE_UNBIND = 0x00320032

export class QueueUnbind implements MethodDecoder {
  buffer: Buffer = NO_BYTES
  ticket = 0
  queueAt = 0
  exchangeAt = 0
  routingKeyAt = 0
  argumentsAt = 0

  decode(buffer: Buffer, from: number, to: number): boolean {
    this.buffer = buffer
    if (from + 3 > to) return false
    this.ticket = readUint16(buffer, from)
    this.queueAt = from + 2
    let at = from + 3 + (buffer[from + 2] as number)
    if (at + 1 > to) return false
    this.exchangeAt = at
    at += 1 + (buffer[at] as number)
    if (at + 1 > to) return false
    this.routingKeyAt = at
    at += 1 + (buffer[at] as number)
    if (at + 4 > to) return false
    this.argumentsAt = at
    at += 4 + readUint32(buffer, at)
    return at === to
  }

  get queue(): string {
    return readShortstr(this.buffer, this.queueAt)
  }

  get exchange(): string {
    return readShortstr(this.buffer, this.exchangeAt)
  }

  get routingKey(): string {
    return readShortstr(this.buffer, this.routingKeyAt)
  }

  get arguments(): Table {
    return readTable(this.buffer, this.argumentsAt)
  }
}

export interface QueueUnbindFields {
  ticket?: number
  queue?: string
  exchange?: string
  routingKey?: string
  arguments?: Table
}

/**
 * A whole frame of queue.unbind; a field left out has the protocol's default.
 * @throws RangeError when a shortstr is over 255 bytes.
 */
export function encodeQueueUnbind(channel: number, fields: QueueUnbindFields = {}): Buffer {
  const queue = fields.queue ?? ''
  const exchange = fields.exchange ?? ''
  const routingKey = fields.routingKey ?? ''
  const table = fields.arguments ?? Table.empty
  const bytes = 2 + shortstrBytes(queue) + shortstrBytes(exchange) + shortstrBytes(routingKey) + tableBytes(table)
  const frame = emptyMethodFrame(channel, QUEUE_UNBIND, bytes)
  writeUint16(frame, 11, fields.ticket ?? 0)
  let at = writeShortstr(frame, 13, queue)
  at = writeShortstr(frame, at, exchange)
  at = writeShortstr(frame, at, routingKey)
  writeTable(frame, at, table)
  return frame
}

/** queue.unbind-ok, sent by the server. */
export const QUEUE_UNBIND_OK = 0x00320033

export class QueueUnbindOk implements MethodDecoder {
  buffer: Buffer = NO_BYTES

  decode(buffer: Buffer, from: number, to: number): boolean {
    this.buffer = buffer
    return from === to
  }
}

export type QueueUnbindOkFields = Record<string, never>

/** A whole frame of queue.unbind-ok. */
export function encodeQueueUnbindOk(channel: number, _fields: QueueUnbindOkFields = {}): Buffer {
  const frame = emptyMethodFrame(channel, QUEUE_UNBIND_OK, 0)
  return frame
}
