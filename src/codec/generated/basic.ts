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
  readUint64,
  shortstrBytes,
  writeShortstr,
  writeUint16,
  writeUint32,
  writeUint64,
} from '../wire.ts'

/** basic.qos, sent by the client. */
export const BASIC_QOS = 0x003c000a

export class BasicQos implements MethodDecoder {
  buffer: Buffer = NO_BYTES
  prefetchSize = 0
  prefetchCount = 0
  global = false

  decode(buffer: Buffer, from: number, to: number): boolean {
    this.buffer = buffer
    if (from + 7 !== to) return false
    this.prefetchSize = readUint32(buffer, from)
    this.prefetchCount = readUint16(buffer, from + 4)
    this.global = ((buffer[from + 6] as number) & 1) !== 0
    return true
  }
}

export interface BasicQosFields {
  prefetchSize?: number
  prefetchCount?: number
  global?: boolean
}

/** A whole frame of basic.qos; a field left out has the protocol's default. */
export function encodeBasicQos(channel: number, fields: BasicQosFields = {}): Buffer {
  const frame = emptyMethodFrame(channel, BASIC_QOS, 7)
  writeUint32(frame, 11, fields.prefetchSize ?? 0)
  writeUint16(frame, 15, fields.prefetchCount ?? 0)
  frame[17] = fields.global ? 1 : 0
  return frame
}

/** basic.qos-ok, sent by the server. */
export const BASIC_QOS_OK = 0x003c000b

export class BasicQosOk implements MethodDecoder {
  buffer: Buffer = NO_BYTES

  decode(buffer: Buffer, from: number, to: number): boolean {
    this.buffer = buffer
    return from === to
  }
}

export type BasicQosOkFields = Record<string, never>

/** A whole frame of basic.qos-ok. */
export function encodeBasicQosOk(channel: number, _fields: BasicQosOkFields = {}): Buffer {
  const frame = emptyMethodFrame(channel, BASIC_QOS_OK, 0)
  return frame
}

/** basic.consume, sent by the client. */
export const BASIC_CONSUME = 0x003c0014

export class BasicConsume implements MethodDecoder {
  buffer: Buffer = NO_BYTES
  ticket = 0
  queueAt = 0
  consumerTagAt = 0
  noLocal = false
  noAck = false
  exclusive = false
  noWait = false
  argumentsAt = 0

  decode(buffer: Buffer, from: number, to: number): boolean {
    this.buffer = buffer
    if (from + 3 > to) return false
    this.ticket = readUint16(buffer, from)
    this.queueAt = from + 2
    let at = from + 3 + (buffer[from + 2] as number)
    if (at + 1 > to) return false
    this.consumerTagAt = at
    at += 1 + (buffer[at] as number)
    if (at + 5 > to) return false
    const bits = buffer[at] as number
    this.noLocal = (bits & 1) !== 0
    this.noAck = (bits & 2) !== 0
    this.exclusive = (bits & 4) !== 0
    this.noWait = (bits & 8) !== 0
    this.argumentsAt = at + 1
    at += 5 + readUint32(buffer, at + 1)
    return at === to
  }

  get queue(): string {
    return readShortstr(this.buffer, this.queueAt)
  }

  get consumerTag(): string {
    return readShortstr(this.buffer, this.consumerTagAt)
  }

  get arguments(): Table {
    return readTable(this.buffer, this.argumentsAt)
  }
}

export interface BasicConsumeFields {
  ticket?: number
  queue?: string
  consumerTag?: string
  noLocal?: boolean
  noAck?: boolean
  exclusive?: boolean
  noWait?: boolean
  arguments?: Table
}

/**
 * A whole frame of basic.consume; a field left out has the protocol's default.
 * @throws RangeError when a shortstr is over 255 bytes.
 */
export function encodeBasicConsume(channel: number, fields: BasicConsumeFields = {}): Buffer {
  const queue = fields.queue ?? ''
  const consumerTag = fields.consumerTag ?? ''
  const table = fields.arguments ?? Table.empty
  const bytes = 3 + shortstrBytes(queue) + shortstrBytes(consumerTag) + tableBytes(table)
  const frame = emptyMethodFrame(channel, BASIC_CONSUME, bytes)
  writeUint16(frame, 11, fields.ticket ?? 0)
  let at = writeShortstr(frame, 13, queue)
  at = writeShortstr(frame, at, consumerTag)
  let bits = 0
  if (fields.noLocal) bits |= 1
  if (fields.noAck) bits |= 2
  if (fields.exclusive) bits |= 4
  if (fields.noWait) bits |= 8
  frame[at] = bits
  writeTable(frame, at + 1, table)
  return frame
}

/** basic.consume-ok, sent by the server. */
export const BASIC_CONSUME_OK = 0x003c0015

export class BasicConsumeOk implements MethodDecoder {
  buffer: Buffer = NO_BYTES
  consumerTagAt = 0

  decode(buffer: Buffer, from: number, to: number): boolean {
    this.buffer = buffer
    if (from + 1 > to) return false
    this.consumerTagAt = from
    const at = from + 1 + (buffer[from] as number)
    return at === to
  }

  get consumerTag(): string {
    return readShortstr(this.buffer, this.consumerTagAt)
  }
}

export interface BasicConsumeOkFields {
  consumerTag?: string
}

/**
 * A whole frame of basic.consume-ok; a field left out has the protocol's default.
 * @throws RangeError when a shortstr is over 255 bytes.
 */
export function encodeBasicConsumeOk(channel: number, fields: BasicConsumeOkFields = {}): Buffer {
  const consumerTag = fields.consumerTag ?? ''
  const bytes = shortstrBytes(consumerTag)
  const frame = emptyMethodFrame(channel, BASIC_CONSUME_OK, bytes)
  writeShortstr(frame, 11, consumerTag)
  return frame
}

/** basic.cancel, sent by either side. */
export const BASIC_CANCEL = 0x003c001e

export class BasicCancel implements MethodDecoder {
  buffer: Buffer = NO_BYTES
  consumerTagAt = 0
  noWait = false

  decode(buffer: Buffer, from: number, to: number): boolean {
    this.buffer = buffer
    if (from + 1 > to) return false
    this.consumerTagAt = from
    const at = from + 1 + (buffer[from] as number)
    if (at + 1 !== to) return false
    this.noWait = ((buffer[at] as number) & 1) !== 0
    return true
  }

  get consumerTag(): string {
    return readShortstr(this.buffer, this.consumerTagAt)
  }
}

export interface BasicCancelFields {
  consumerTag?: string
  noWait?: boolean
}

/**
 * A whole frame of basic.cancel; a field left out has the protocol's default.
 * @throws RangeError when a shortstr is over 255 bytes.
 */
export function encodeBasicCancel(channel: number, fields: BasicCancelFields = {}): Buffer {
  const consumerTag = fields.consumerTag ?? ''
  const bytes = 1 + shortstrBytes(consumerTag)
  const frame = emptyMethodFrame(channel, BASIC_CANCEL, bytes)
  const at = writeShortstr(frame, 11, consumerTag)
  frame[at] = fields.noWait ? 1 : 0
  return frame
}

/** basic.cancel-ok, sent by either side. */
export const BASIC_CANCEL_OK = 0x003c001f

export class BasicCancelOk implements MethodDecoder {
  buffer: Buffer = NO_BYTES
  consumerTagAt = 0

  decode(buffer: Buffer, from: number, to: number): boolean {
    this.buffer = buffer
    if (from + 1 > to) return false
    this.consumerTagAt = from
    const at = from + 1 + (buffer[from] as number)
    return at === to
  }

  get consumerTag(): string {
    return readShortstr(this.buffer, this.consumerTagAt)
  }
}

export interface BasicCancelOkFields {
  consumerTag?: string
}

/**
 * A whole frame of basic.cancel-ok; a field left out has the protocol's default.
 * @throws RangeError when a shortstr is over 255 bytes.
 */
export function encodeBasicCancelOk(channel: number, fields: BasicCancelOkFields = {}): Buffer {
  const consumerTag = fields.consumerTag ?? ''
  const bytes = shortstrBytes(consumerTag)
  const frame = emptyMethodFrame(channel, BASIC_CANCEL_OK, bytes)
  writeShortstr(frame, 11, consumerTag)
  return frame
}

/** basic.publish, sent by the client. */
export const BASIC_PUBLISH = 0x003c0028

export class BasicPublish implements MethodDecoder {
  buffer: Buffer = NO_BYTES
  ticket = 0
  exchangeAt = 0
  routingKeyAt = 0
  mandatory = false
  immediate = false

  decode(buffer: Buffer, from: number, to: number): boolean {
    this.buffer = buffer
    if (from + 3 > to) return false
    this.ticket = readUint16(buffer, from)
    this.exchangeAt = from + 2
    let at = from + 3 + (buffer[from + 2] as number)
    if (at + 1 > to) return false
    this.routingKeyAt = at
    at += 1 + (buffer[at] as number)
    if (at + 1 !== to) return false
    const bits = buffer[at] as number
    this.mandatory = (bits & 1) !== 0
    this.immediate = (bits & 2) !== 0
    return true
  }

  get exchange(): string {
    return readShortstr(this.buffer, this.exchangeAt)
  }

  get routingKey(): string {
    return readShortstr(this.buffer, this.routingKeyAt)
  }
}

export interface BasicPublishFields {
  ticket?: number
  exchange?: string
  routingKey?: string
  mandatory?: boolean
  immediate?: boolean
}

/**
 * A whole frame of basic.publish; a field left out has the protocol's default.
 * @throws RangeError when a shortstr is over 255 bytes.
 */
export function encodeBasicPublish(channel: number, fields: BasicPublishFields = {}): Buffer {
  const exchange = fields.exchange ?? ''
  const routingKey = fields.routingKey ?? ''
  const bytes = 3 + shortstrBytes(exchange) + shortstrBytes(routingKey)
  const frame = emptyMethodFrame(channel, BASIC_PUBLISH, bytes)
  writeUint16(frame, 11, fields.ticket ?? 0)
  let at = writeShortstr(frame, 13, exchange)
  at = writeShortstr(frame, at, routingKey)
  let bits = 0
  if (fields.mandatory) bits |= 1
  if (fields.immediate) bits |= 2
  frame[at] = bits
  return frame
}

/** basic.return, sent by the server. */
export const BASIC_RETURN = 0x003c0032

export class BasicReturn implements MethodDecoder {
  buffer: Buffer = NO_BYTES
  replyCode = 0
  replyTextAt = 0
  exchangeAt = 0
  routingKeyAt = 0

  decode(buffer: Buffer, from: number, to: number): boolean {
    this.buffer = buffer
    if (from + 3 > to) return false
    this.replyCode = readUint16(buffer, from)
    this.replyTextAt = from + 2
    let at = from + 3 + (buffer[from + 2] as number)
    if (at + 1 > to) return false
    this.exchangeAt = at
    at += 1 + (buffer[at] as number)
    if (at + 1 > to) return false
    this.routingKeyAt = at
    at += 1 + (buffer[at] as number)
    return at === to
  }

  get replyText(): string {
    return readShortstr(this.buffer, this.replyTextAt)
  }

  get exchange(): string {
    return readShortstr(this.buffer, this.exchangeAt)
  }

  get routingKey(): string {
    return readShortstr(this.buffer, this.routingKeyAt)
  }
}

export interface BasicReturnFields {
  replyCode?: number
  replyText?: string
  exchange?: string
  routingKey?: string
}

/**
 * A whole frame of basic.return; a field left out has the protocol's default.
 * @throws RangeError when a shortstr is over 255 bytes.
 */
export function encodeBasicReturn(channel: number, fields: BasicReturnFields = {}): Buffer {
  const replyText = fields.replyText ?? ''
  const exchange = fields.exchange ?? ''
  const routingKey = fields.routingKey ?? ''
  const bytes = 2 + shortstrBytes(replyText) + shortstrBytes(exchange) + shortstrBytes(routingKey)
  const frame = emptyMethodFrame(channel, BASIC_RETURN, bytes)
  writeUint16(frame, 11, fields.replyCode ?? 0)
  let at = writeShortstr(frame, 13, replyText)
  at = writeShortstr(frame, at, exchange)
  writeShortstr(frame, at, routingKey)
  return frame
}

/** basic.deliver, sent by the server. */
export const BASIC_DELIVER = 0x003c003c

export class BasicDeliver implements MethodDecoder {
  buffer: Buffer = NO_BYTES
  consumerTagAt = 0
  deliveryTag = 0
  redelivered = false
  exchangeAt = 0
  routingKeyAt = 0

  decode(buffer: Buffer, from: number, to: number): boolean {
    this.buffer = buffer
    if (from + 1 > to) return false
    this.consumerTagAt = from
    let at = from + 1 + (buffer[from] as number)
    if (at + 10 > to) return false
    this.deliveryTag = readUint64(buffer, at)
    this.redelivered = ((buffer[at + 8] as number) & 1) !== 0
    this.exchangeAt = at + 9
    at += 10 + (buffer[at + 9] as number)
    if (at + 1 > to) return false
    this.routingKeyAt = at
    at += 1 + (buffer[at] as number)
    return at === to
  }

  get consumerTag(): string {
    return readShortstr(this.buffer, this.consumerTagAt)
  }

  get exchange(): string {
    return readShortstr(this.buffer, this.exchangeAt)
  }

  get routingKey(): string {
    return readShortstr(this.buffer, this.routingKeyAt)
  }
}

export interface BasicDeliverFields {
  consumerTag?: string
  deliveryTag?: number
  redelivered?: boolean
  exchange?: string
  routingKey?: string
}

/**
 * A whole frame of basic.deliver; a field left out has the protocol's default.
 * @throws RangeError when a shortstr is over 255 bytes.
 */
export function encodeBasicDeliver(channel: number, fields: BasicDeliverFields = {}): Buffer {
  const consumerTag = fields.consumerTag ?? ''
  const exchange = fields.exchange ?? ''
  const routingKey = fields.routingKey ?? ''
  const bytes = 9 + shortstrBytes(consumerTag) + shortstrBytes(exchange) + shortstrBytes(routingKey)
  const frame = emptyMethodFrame(channel, BASIC_DELIVER, bytes)
  let at = writeShortstr(frame, 11, consumerTag)
  writeUint64(frame, at, fields.deliveryTag ?? 0)
  frame[at + 8] = fields.redelivered ? 1 : 0
  at = writeShortstr(frame, at + 9, exchange)
  writeShortstr(frame, at, routingKey)
  return frame
}

/** basic.get, sent by the client. */
export const BASIC_GET = 0x003c0046

export class BasicGet implements MethodDecoder {
  buffer: Buffer = NO_BYTES
  ticket = 0
  queueAt = 0
  noAck = false

  decode(buffer: Buffer, from: number, to: number): boolean {
    this.buffer = buffer
    if (from + 3 > to) return false
    this.ticket = readUint16(buffer, from)
    this.queueAt = from + 2
    const at = from + 3 + (buffer[from + 2] as number)
    if (at + 1 !== to) return false
    this.noAck = ((buffer[at] as number) & 1) !== 0
    return true
  }

  get queue(): string {
    return readShortstr(this.buffer, this.queueAt)
  }
}

export interface BasicGetFields {
  ticket?: number
  queue?: string
  noAck?: boolean
}

/**
 * A whole frame of basic.get; a field left out has the protocol's default.
 * @throws RangeError when a shortstr is over 255 bytes.
 */
export function encodeBasicGet(channel: number, fields: BasicGetFields = {}): Buffer {
  const queue = fields.queue ?? ''
  const bytes = 3 + shortstrBytes(queue)
  const frame = emptyMethodFrame(channel, BASIC_GET, bytes)
  writeUint16(frame, 11, fields.ticket ?? 0)
  const at = writeShortstr(frame, 13, queue)
  frame[at] = fields.noAck ? 1 : 0
  return frame
}

/** basic.get-ok, sent by the server. */
export const BASIC_GET_OK = 0x003c0047

export class BasicGetOk implements MethodDecoder {
  buffer: Buffer = NO_BYTES
  deliveryTag = 0
  redelivered = false
  exchangeAt = 0
  routingKeyAt = 0
  messageCount = 0

  decode(buffer: Buffer, from: number, to: number): boolean {
    this.buffer = buffer
    if (from + 10 > to) return false
    this.deliveryTag = readUint64(buffer, from)
    this.redelivered = ((buffer[from + 8] as number) & 1) !== 0
    this.exchangeAt = from + 9
    let at = from + 10 + (buffer[from + 9] as number)
    if (at + 1 > to) return false
    this.routingKeyAt = at
    at += 1 + (buffer[at] as number)
    if (at + 4 !== to) return false
    this.messageCount = readUint32(buffer, at)
    return true
  }

  get exchange(): string {
    return readShortstr(this.buffer, this.exchangeAt)
  }

  get routingKey(): string {
    return readShortstr(this.buffer, this.routingKeyAt)
  }
}

export interface BasicGetOkFields {
  deliveryTag?: number
  redelivered?: boolean
  exchange?: string
  routingKey?: string
  messageCount?: number
}

/**
 * A whole frame of basic.get-ok; a field left out has the protocol's default.
 * @throws RangeError when a shortstr is over 255 bytes.
 */
export function encodeBasicGetOk(channel: number, fields: BasicGetOkFields = {}): Buffer {
  const exchange = fields.exchange ?? ''
  const routingKey = fields.routingKey ?? ''
  const bytes = 13 + shortstrBytes(exchange) + shortstrBytes(routingKey)
  const frame = emptyMethodFrame(channel, BASIC_GET_OK, bytes)
  writeUint64(frame, 11, fields.deliveryTag ?? 0)
  frame[19] = fields.redelivered ? 1 : 0
  let at = writeShortstr(frame, 20, exchange)
  at = writeShortstr(frame, at, routingKey)
  writeUint32(frame, at, fields.messageCount ?? 0)
  return frame
}

/** basic.get-empty, sent by the server. */
export const BASIC_GET_EMPTY = 0x003c0048

export class BasicGetEmpty implements MethodDecoder {
  buffer: Buffer = NO_BYTES
  clusterIdAt = 0

  decode(buffer: Buffer, from: number, to: number): boolean {
    this.buffer = buffer
    if (from + 1 > to) return false
    this.clusterIdAt = from
    const at = from + 1 + (buffer[from] as number)
    return at === to
  }

  get clusterId(): string {
    return readShortstr(this.buffer, this.clusterIdAt)
  }
}

export interface BasicGetEmptyFields {
  clusterId?: string
}

/**
 * A whole frame of basic.get-empty; a field left out has the protocol's default.
 * @throws RangeError when a shortstr is over 255 bytes.
 */
export function encodeBasicGetEmpty(channel: number, fields: BasicGetEmptyFields = {}): Buffer {
  const clusterId = fields.clusterId ?? ''
  const bytes = shortstrBytes(clusterId)
  const frame = emptyMethodFrame(channel, BASIC_GET_EMPTY, bytes)
  writeShortstr(frame, 11, clusterId)
  return frame
}

/** basic.ack, sent by either side. */
export const BASIC_ACK = 0x003c0050

export class BasicAck implements MethodDecoder {
  buffer: Buffer = NO_BYTES
  deliveryTag = 0
  multiple = false

  decode(buffer: Buffer, from: number, to: number): boolean {
    this.buffer = buffer
    if (from + 9 !== to) return false
    this.deliveryTag = readUint64(buffer, from)
    this.multiple = ((buffer[from + 8] as number) & 1) !== 0
    return true
  }
}

export interface BasicAckFields {
  deliveryTag?: number
  multiple?: boolean
}

/** A whole frame of basic.ack; a field left out has the protocol's default. */
export function encodeBasicAck(channel: number, fields: BasicAckFields = {}): Buffer {
  const frame = emptyMethodFrame(channel, BASIC_ACK, 9)
  writeUint64(frame, 11, fields.deliveryTag ?? 0)
  frame[19] = fields.multiple ? 1 : 0
  return frame
}

/** basic.reject, sent by the client. */
export const BASIC_REJECT = 0x003c005a

export class BasicReject implements MethodDecoder {
  buffer: Buffer = NO_BYTES
  deliveryTag = 0
  requeue = false

  decode(buffer: Buffer, from: number, to: number): boolean {
    this.buffer = buffer
    if (from + 9 !== to) return false
    this.deliveryTag = readUint64(buffer, from)
    this.requeue = ((buffer[from + 8] as number) & 1) !== 0
    return true
  }
}

export interface BasicRejectFields {
  deliveryTag?: number
  requeue?: boolean
}

/** A whole frame of basic.reject; a field left out has the protocol's default. */
export function encodeBasicReject(channel: number, fields: BasicRejectFields = {}): Buffer {
  const frame = emptyMethodFrame(channel, BASIC_REJECT, 9)
  writeUint64(frame, 11, fields.deliveryTag ?? 0)
  frame[19] = (fields.requeue ?? true) ? 1 : 0
  return frame
}

/** basic.recover-async, sent by the client. */
export const BASIC_RECOVER_ASYNC = 0x003c0064

export class BasicRecoverAsync implements MethodDecoder {
  buffer: Buffer = NO_BYTES
  requeue = false

  decode(buffer: Buffer, from: number, to: number): boolean {
    this.buffer = buffer
    if (from + 1 !== to) return false
    this.requeue = ((buffer[from] as number) & 1) !== 0
    return true
  }
}

export interface BasicRecoverAsyncFields {
  requeue?: boolean
}

/** A whole frame of basic.recover-async; a field left out has the protocol's default. */
export function encodeBasicRecoverAsync(channel: number, fields: BasicRecoverAsyncFields = {}): Buffer {
  const frame = emptyMethodFrame(channel, BASIC_RECOVER_ASYNC, 1)
  frame[11] = fields.requeue ? 1 : 0
  return frame
}

/** basic.recover, sent by the client. */
export const BASIC_RECOVER = 0x003c006e

export class BasicRecover implements MethodDecoder {
  buffer: Buffer = NO_BYTES
  requeue = false

  decode(buffer: Buffer, from: number, to: number): boolean {
    this.buffer = buffer
    if (from + 1 !== to) return false
    this.requeue = ((buffer[from] as number) & 1) !== 0
    return true
  }
}

export interface BasicRecoverFields {
  requeue?: boolean
}

/** A whole frame of basic.recover; a field left out has the protocol's default. */
export function encodeBasicRecover(channel: number, fields: BasicRecoverFields = {}): Buffer {
  const frame = emptyMethodFrame(channel, BASIC_RECOVER, 1)
  frame[11] = fields.requeue ? 1 : 0
  return frame
}

/** basic.recover-ok, sent by the server. */
export const BASIC_RECOVER_OK = 0x003c006f

export class BasicRecoverOk implements MethodDecoder {
  buffer: Buffer = NO_BYTES

  decode(buffer: Buffer, from: number, to: number): boolean {
    this.buffer = buffer
    return from === to
  }
}

export type BasicRecoverOkFields = Record<string, never>

/** A whole frame of basic.recover-ok. */
export function encodeBasicRecoverOk(channel: number, _fields: BasicRecoverOkFields = {}): Buffer {
  const frame = emptyMethodFrame(channel, BASIC_RECOVER_OK, 0)
  return frame
}

/** basic.nack, sent by either side. */
export const BASIC_NACK = 0x003c0078

export class BasicNack implements MethodDecoder {
  buffer: Buffer = NO_BYTES
  deliveryTag = 0
  multiple = false
  requeue = false

  decode(buffer: Buffer, from: number, to: number): boolean {
    this.buffer = buffer
    if (from + 9 !== to) return false
    this.deliveryTag = readUint64(buffer, from)
    const bits = buffer[from + 8] as number
    this.multiple = (bits & 1) !== 0
    this.requeue = (bits & 2) !== 0
    return true
  }
}

export interface BasicNackFields {
  deliveryTag?: number
  multiple?: boolean
  requeue?: boolean
}

/** A whole frame of basic.nack; a field left out has the protocol's default. */
export function encodeBasicNack(channel: number, fields: BasicNackFields = {}): Buffer {
  const frame = emptyMethodFrame(channel, BASIC_NACK, 9)
  writeUint64(frame, 11, fields.deliveryTag ?? 0)
  let bits = 0
  if (fields.multiple) bits |= 1
  if (fields.requeue ?? true) bits |= 2
  frame[19] = bits
  return frame
}
