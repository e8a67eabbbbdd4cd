// Generated from spec/amqp-0-9-1.json by bin/generate-codec.ts; do not edit.
import { PropertyList } from '../property-list.ts'
import type { Table } from '../table.ts'
import { tableBytes, writeTable } from '../table-writer.ts'
import { shortstrBytes, writeShortstr, writeUint16, writeUint64 } from '../wire.ts'
import { PropertyFlag } from './property-flags.ts'

/** The properties of a message; `timestamp` in seconds since 1970. */
export interface Properties {
  contentType?: string
  contentEncoding?: string
  headers?: Table
  deliveryMode?: number
  priority?: number
  correlationId?: string
  replyTo?: string
  expiration?: string
  messageId?: string
  timestamp?: number
  type?: string
  userId?: string
  appId?: string
  clusterId?: string
}

/**
 * The properties of a message where they stand, decoded one by one as they are asked for. An absent number of one octet
 * is -1. A string may hold bytes that are not UTF-8, see `readText`.
 *
 * Every getter throws CodecError 501 when the list ends before the value, or the headers are no table.
 */
export class PropertyView extends PropertyList {
  get contentType(): string | undefined {
    return this.shortstr(PropertyFlag.CONTENT_TYPE)
  }

  get contentEncoding(): string | undefined {
    return this.shortstr(PropertyFlag.CONTENT_ENCODING)
  }

  get headers(): Table | undefined {
    return this.table(PropertyFlag.HEADERS)
  }

  get deliveryMode(): number {
    return this.octet(PropertyFlag.DELIVERY_MODE)
  }

  get priority(): number {
    return this.octet(PropertyFlag.PRIORITY)
  }

  get correlationId(): string | undefined {
    return this.shortstr(PropertyFlag.CORRELATION_ID)
  }

  get replyTo(): string | undefined {
    return this.shortstr(PropertyFlag.REPLY_TO)
  }

  get expiration(): string | undefined {
    return this.shortstr(PropertyFlag.EXPIRATION)
  }

  get messageId(): string | undefined {
    return this.shortstr(PropertyFlag.MESSAGE_ID)
  }

  get timestamp(): number | undefined {
    return this.timestampOf(PropertyFlag.TIMESTAMP)
  }

  get type(): string | undefined {
    return this.shortstr(PropertyFlag.TYPE)
  }

  get userId(): string | undefined {
    return this.shortstr(PropertyFlag.USER_ID)
  }

  get appId(): string | undefined {
    return this.shortstr(PropertyFlag.APP_ID)
  }

  get clusterId(): string | undefined {
    return this.shortstr(PropertyFlag.CLUSTER_ID)
  }

  /** All properties that are there. */
  toObject(): Properties {
    const properties: Properties = {}
    const contentType = this.contentType
    if (contentType !== undefined) properties.contentType = contentType
    const contentEncoding = this.contentEncoding
    if (contentEncoding !== undefined) properties.contentEncoding = contentEncoding
    const headers = this.headers
    if (headers !== undefined) properties.headers = headers
    const deliveryMode = this.deliveryMode
    if (deliveryMode >= 0) properties.deliveryMode = deliveryMode
    const priority = this.priority
    if (priority >= 0) properties.priority = priority
    const correlationId = this.correlationId
    if (correlationId !== undefined) properties.correlationId = correlationId
    const replyTo = this.replyTo
    if (replyTo !== undefined) properties.replyTo = replyTo
    const expiration = this.expiration
    if (expiration !== undefined) properties.expiration = expiration
    const messageId = this.messageId
    if (messageId !== undefined) properties.messageId = messageId
    const timestamp = this.timestamp
    if (timestamp !== undefined) properties.timestamp = timestamp
    const type = this.type
    if (type !== undefined) properties.type = type
    const userId = this.userId
    if (userId !== undefined) properties.userId = userId
    const appId = this.appId
    if (appId !== undefined) properties.appId = appId
    const clusterId = this.clusterId
    if (clusterId !== undefined) properties.clusterId = clusterId
    return properties
  }
}

/**
 * The flags word and list of the properties, as `encodeContentHeader` takes them.
 * @throws RangeError when a string is over 255 bytes.
 */
export function encodeProperties(properties: Properties): Buffer {
  const {
    contentType,
    contentEncoding,
    headers,
    deliveryMode,
    priority,
    correlationId,
    replyTo,
    expiration,
    messageId,
    timestamp,
    type,
    userId,
    appId,
    clusterId,
  } = properties
  let bytes = 2
  if (contentType !== undefined) bytes += shortstrBytes(contentType)
  if (contentEncoding !== undefined) bytes += shortstrBytes(contentEncoding)
  if (headers !== undefined) bytes += tableBytes(headers)
  if (deliveryMode !== undefined) bytes += 1
  if (priority !== undefined) bytes += 1
  if (correlationId !== undefined) bytes += shortstrBytes(correlationId)
  if (replyTo !== undefined) bytes += shortstrBytes(replyTo)
  if (expiration !== undefined) bytes += shortstrBytes(expiration)
  if (messageId !== undefined) bytes += shortstrBytes(messageId)
  if (timestamp !== undefined) bytes += 8
  if (type !== undefined) bytes += shortstrBytes(type)
  if (userId !== undefined) bytes += shortstrBytes(userId)
  if (appId !== undefined) bytes += shortstrBytes(appId)
  if (clusterId !== undefined) bytes += shortstrBytes(clusterId)
  const list = Buffer.allocUnsafe(bytes)
  let flags = 0
  let at = 2
  if (contentType !== undefined) {
    flags |= PropertyFlag.CONTENT_TYPE
    at = writeShortstr(list, at, contentType)
  }
  if (contentEncoding !== undefined) {
    flags |= PropertyFlag.CONTENT_ENCODING
    at = writeShortstr(list, at, contentEncoding)
  }
  if (headers !== undefined) {
    flags |= PropertyFlag.HEADERS
    at = writeTable(list, at, headers)
  }
  if (deliveryMode !== undefined) {
    flags |= PropertyFlag.DELIVERY_MODE
    list[at++] = deliveryMode
  }
  if (priority !== undefined) {
    flags |= PropertyFlag.PRIORITY
    list[at++] = priority
  }
  if (correlationId !== undefined) {
    flags |= PropertyFlag.CORRELATION_ID
    at = writeShortstr(list, at, correlationId)
  }
  if (replyTo !== undefined) {
    flags |= PropertyFlag.REPLY_TO
    at = writeShortstr(list, at, replyTo)
  }
  if (expiration !== undefined) {
    flags |= PropertyFlag.EXPIRATION
    at = writeShortstr(list, at, expiration)
  }
  if (messageId !== undefined) {
    flags |= PropertyFlag.MESSAGE_ID
    at = writeShortstr(list, at, messageId)
  }
  if (timestamp !== undefined) {
    flags |= PropertyFlag.TIMESTAMP
    writeUint64(list, at, timestamp)
    at += 8
  }
  if (type !== undefined) {
    flags |= PropertyFlag.TYPE
    at = writeShortstr(list, at, type)
  }
  if (userId !== undefined) {
    flags |= PropertyFlag.USER_ID
    at = writeShortstr(list, at, userId)
  }
  if (appId !== undefined) {
    flags |= PropertyFlag.APP_ID
    at = writeShortstr(list, at, appId)
  }
  if (clusterId !== undefined) {
    flags |= PropertyFlag.CLUSTER_ID
    at = writeShortstr(list, at, clusterId)
  }
  writeUint16(list, 0, flags)
  return list
}
