// Generated from spec/amqp-0-9-1.json by bin/generate-codec.ts; do not edit.
import { emptyMethodFrame } from '../frame.ts'
import { type MethodDecoder, NO_BYTES } from '../method.ts'
import { Table } from '../table.ts'
import { readTable } from '../table-reader.ts'
import { tableBytes, writeTable } from '../table-writer.ts'
import { readShortstr, readUint16, readUint32, shortstrBytes, writeShortstr, writeUint16 } from '../wire.ts'

/** exchange.declare, sent by the client. */
export const EXCHANGE_DECLARE = 0x0028000a

export class ExchangeDeclare implements MethodDecoder {
  buffer: Buffer = NO_BYTES
  ticket = 0
  exchangeAt = 0
  typeAt = 0
  passive = false
  durable = false
  autoDelete = false
  internal = false
  noWait = false
  argumentsAt = 0

  decode(buffer: Buffer, from: number, to: number): boolean {
    this.buffer = buffer
    if (from + 3 > to) return false
    this.ticket = readUint16(buffer, from)
    this.exchangeAt = from + 2
    let at = from + 3 + (buffer[from + 2] as number)
    if (at + 1 > to) return false
    this.typeAt = at
    at += 1 + (buffer[at] as number)
    if (at + 5 > to) return false
    const bits = buffer[at] as number
    this.passive = (bits & 1) !== 0
    this.durable = (bits & 2) !== 0
    this.autoDelete = (bits & 4) !== 0
    this.internal = (bits & 8) !== 0
    this.noWait = (bits & 16) !== 0
    this.argumentsAt = at + 1
    at += 5 + readUint32(buffer, at + 1)
    return at === to
  }

  get exchange(): string {
    return readShortstr(this.buffer, this.exchangeAt)
  }

  get type(): string {
    return readShortstr(this.buffer, this.typeAt)
  }

  get arguments(): Table {
    return readTable(this.buffer, this.argumentsAt)
  }
}

export interface ExchangeDeclareFields {
  ticket?: number
  exchange?: string
  type?: string
  passive?: boolean
  durable?: boolean
  autoDelete?: boolean
  internal?: boolean
  noWait?: boolean
  arguments?: Table
}

/**
 * A whole frame of exchange.declare; a field left out has the protocol's default.
 * @throws RangeError when a shortstr is over 255 bytes.
 */
export function encodeExchangeDeclare(channel: number, fields: ExchangeDeclareFields = {}): Buffer {
  const exchange = fields.exchange ?? ''
  const type = fields.type ?? 'direct'
  const table = fields.arguments ?? Table.empty
  const bytes = 3 + shortstrBytes(exchange) + shortstrBytes(type) + tableBytes(table)
  const frame = emptyMethodFrame(channel, EXCHANGE_DECLARE, bytes)
  writeUint16(frame, 11, fields.ticket ?? 0)
  let at = writeShortstr(frame, 13, exchange)
  at = writeShortstr(frame, at, type)
  let bits = 0
  if (fields.passive) bits |= 1
  if (fields.durable) bits |= 2
  if (fields.autoDelete) bits |= 4
  if (fields.internal) bits |= 8
  if (fields.noWait) bits |= 16
  frame[at] = bits
  writeTable(frame, at + 1, table)
  return frame
}

/** exchange.declare-ok, sent by the server. */
export const EXCHANGE_DECLARE_OK = 0x0028000b

export class ExchangeDeclareOk implements MethodDecoder {
  buffer: Buffer = NO_BYTES

  decode(buffer: Buffer, from: number, to: number): boolean {
    this.buffer = buffer
    return from === to
  }
}

export type ExchangeDeclareOkFields = Record<string, never>

/** A whole frame of exchange.declare-ok. */
export function encodeExchangeDeclareOk(channel: number, _fields: ExchangeDeclareOkFields = {}): Buffer {
  const frame = emptyMethodFrame(channel, EXCHANGE_DECLARE_OK, 0)
  return frame
}

/** exchange.delete, sent by the client. */
export const EXCHANGE_DELETE = 0x00280014

export class ExchangeDelete implements MethodDecoder {
  buffer: Buffer = NO_BYTES
  ticket = 0
  exchangeAt = 0
  ifUnused = false
  noWait = false

  decode(buffer: Buffer, from: number, to: number): boolean {
    this.buffer = buffer
    if (from + 3 > to) return false
    this.ticket = readUint16(buffer, from)
    this.exchangeAt = from + 2
    const at = from + 3 + (buffer[from + 2] as number)
    if (at + 1 !== to) return false
    const bits = buffer[at] as number
    this.ifUnused = (bits & 1) !== 0
    this.noWait = (bits & 2) !== 0
    return true
  }

  get exchange(): string {
    return readShortstr(this.buffer, this.exchangeAt)
  }
}

export interface ExchangeDeleteFields {
  ticket?: number
  exchange?: string
  ifUnused?: boolean
  noWait?: boolean
}

/**
 * A whole frame of exchange.delete; a field left out has the protocol's default.
 * @throws RangeError when a shortstr is over 255 bytes.
 */
export function encodeExchangeDelete(channel: number, fields: ExchangeDeleteFields = {}): Buffer {
  const exchange = fields.exchange ?? ''
  const bytes = 3 + shortstrBytes(exchange)
  const frame = emptyMethodFrame(channel, EXCHANGE_DELETE, bytes)
  writeUint16(frame, 11, fields.ticket ?? 0)
  const at = writeShortstr(frame, 13, exchange)
  let bits = 0
  if (fields.ifUnused) bits |= 1
  if (fields.noWait) bits |= 2
  frame[at] = bits
  return frame
}

/** exchange.delete-ok, sent by the server. */
export const EXCHANGE_DELETE_OK = 0x00280015

export class ExchangeDeleteOk implements MethodDecoder {
  buffer: Buffer = NO_BYTES

  decode(buffer: Buffer, from: number, to: number): boolean {
    this.buffer = buffer
    return from === to
  }
}

export type ExchangeDeleteOkFields = Record<string, never>

/** A whole frame of exchange.delete-ok. */
export function encodeExchangeDeleteOk(channel: number, _fields: ExchangeDeleteOkFields = {}): Buffer {
  const frame = emptyMethodFrame(channel, EXCHANGE_DELETE_OK, 0)
  return frame
}

/** exchange.bind, sent by the client. */
export const EXCHANGE_BIND = 0x0028001e

export class ExchangeBind implements MethodDecoder {
  buffer: Buffer = NO_BYTES
  ticket = 0
  destinationAt = 0
  sourceAt = 0
  routingKeyAt = 0
  noWait = false
  argumentsAt = 0

  decode(buffer: Buffer, from: number, to: number): boolean {
    this.buffer = buffer
    if (from + 3 > to) return false
    this.ticket = readUint16(buffer, from)
    this.destinationAt = from + 2
    let at = from + 3 + (buffer[from + 2] as number)
    if (at + 1 > to) return false
    this.sourceAt = at
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

  get destination(): string {
    return readShortstr(this.buffer, this.destinationAt)
  }

  get source(): string {
    return readShortstr(this.buffer, this.sourceAt)
  }

  get routingKey(): string {
    return readShortstr(this.buffer, this.routingKeyAt)
  }

  get arguments(): Table {
    return readTable(this.buffer, this.argumentsAt)
  }
}

export interface ExchangeBindFields {
  ticket?: number
  destination?: string
  source?: string
  routingKey?: string
  noWait?: boolean
  arguments?: Table
}

/**
 * A whole frame of exchange.bind; a field left out has the protocol's default.
 * @throws RangeError when a shortstr is over 255 bytes.
 */
export function encodeExchangeBind(channel: number, fields: ExchangeBindFields = {}): Buffer {
  const destination = fields.destination ?? ''
  const source = fields.source ?? ''
  const routingKey = fields.routingKey ?? ''
  const table = fields.arguments ?? Table.empty
  const bytes = 3 + shortstrBytes(destination) + shortstrBytes(source) + shortstrBytes(routingKey) + tableBytes(table)
  const frame = emptyMethodFrame(channel, EXCHANGE_BIND, bytes)
  writeUint16(frame, 11, fields.ticket ?? 0)
  let at = writeShortstr(frame, 13, destination)
  at = writeShortstr(frame, at, source)
  at = writeShortstr(frame, at, routingKey)
  frame[at] = fields.noWait ? 1 : 0
  writeTable(frame, at + 1, table)
  return frame
}

/** exchange.bind-ok, sent by the server. */
export const EXCHANGE_BIND_OK = 0x0028001f

export class ExchangeBindOk implements MethodDecoder {
  buffer: Buffer = NO_BYTES

  decode(buffer: Buffer, from: number, to: number): boolean {
    this.buffer = buffer
    return from === to
  }
}

export type ExchangeBindOkFields = Record<string, never>

/** A whole frame of exchange.bind-ok. */
export function encodeExchangeBindOk(channel: number, _fields: ExchangeBindOkFields = {}): Buffer {
  const frame = emptyMethodFrame(channel, EXCHANGE_BIND_OK, 0)
  return frame
}

/** exchange.unbind, sent by the client. */
export const EXCHANGE_UNBIND = 0x00280028

export class ExchangeUnbind implements MethodDecoder {
  buffer: Buffer = NO_BYTES
  ticket = 0
  destinationAt = 0
  sourceAt = 0
  routingKeyAt = 0
  noWait = false
  argumentsAt = 0

  decode(buffer: Buffer, from: number, to: number): boolean {
    this.buffer = buffer
    if (from + 3 > to) return false
    this.ticket = readUint16(buffer, from)
    this.destinationAt = from + 2
    let at = from + 3 + (buffer[from + 2] as number)
    if (at + 1 > to) return false
    this.sourceAt = at
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

  get destination(): string {
    return readShortstr(this.buffer, this.destinationAt)
  }

  get source(): string {
    return readShortstr(this.buffer, this.sourceAt)
  }

  get routingKey(): string {
    return readShortstr(this.buffer, this.routingKeyAt)
  }

  get arguments(): Table {
    return readTable(this.buffer, this.argumentsAt)
  }
}

export interface ExchangeUnbindFields {
  ticket?: number
  destination?: string
  source?: string
  routingKey?: string
  noWait?: boolean
  arguments?: Table
}

/**
 * A whole frame of exchange.unbind; a field left out has the protocol's default.
 * @throws RangeError when a shortstr is over 255 bytes.
 */
export function encodeExchangeUnbind(channel: number, fields: ExchangeUnbindFields = {}): Buffer {
  const destination = fields.destination ?? ''
  const source = fields.source ?? ''
  const routingKey = fields.routingKey ?? ''
  const table = fields.arguments ?? Table.empty
  const bytes = 3 + shortstrBytes(destination) + shortstrBytes(source) + shortstrBytes(routingKey) + tableBytes(table)
  const frame = emptyMethodFrame(channel, EXCHANGE_UNBIND, bytes)
  writeUint16(frame, 11, fields.ticket ?? 0)
  let at = writeShortstr(frame, 13, destination)
  at = writeShortstr(frame, at, source)
  at = writeShortstr(frame, at, routingKey)
  frame[at] = fields.noWait ? 1 : 0
  writeTable(frame, at + 1, table)
  return frame
}

/** exchange.unbind-ok, sent by the server. */
export const EXCHANGE_UNBIND_OK = 0x00280033

export class ExchangeUnbindOk implements MethodDecoder {
  buffer: Buffer = NO_BYTES

  decode(buffer: Buffer, from: number, to: number): boolean {
    this.buffer = buffer
    return from === to
  }
}

export type ExchangeUnbindOkFields = Record<string, never>

/** A whole frame of exchange.unbind-ok. */
export function encodeExchangeUnbindOk(channel: number, _fields: ExchangeUnbindOkFields = {}): Buffer {
  const frame = emptyMethodFrame(channel, EXCHANGE_UNBIND_OK, 0)
  return frame
}
