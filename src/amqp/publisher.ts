import {
  type AmqpError,
  accessRefused,
  type Exchange,
  Message,
  notFound,
  notImplemented,
  preconditionFailed,
  REPLY_TO,
  type Route,
  senderSelection,
  withProperties,
} from '../broker/index.ts'
import {
  type BasicPublish,
  ClassId,
  CONTENT_HEADER_FIXED_BYTES,
  copyBytes,
  encodeBasicReturn,
  FRAME_END,
  FrameType,
  frameError,
  isTable,
  PropertyFlag,
  ReplyCode,
  readUint16,
  readUint32,
  readUint64,
  replaceProperties,
} from '../codec/index.ts'
import type { Channel } from './channel.ts'
import { ContentAssembly } from './content-assembly.ts'
import { writeContent } from './content-writer.ts'
import { unexpectedFrame } from './errors.ts'
import { checkExpiration } from './expiration.ts'
import { checkAccess, checkAuthority, checkTopicAccess } from './permissions.ts'

const BODY_EXPECTED = 'expected content body, got non content body frame instead'

const MANDATORY = 1
const IMMEDIATE = 2

/** A property list that is empty, or nothing but delivery-mode, needs no look. */
const NO_PROPERTIES_BYTES = 2
const ONLY_DELIVERY_MODE_BYTES = 3

/**
 * The publishing side of a channel: from the bytes of basic.publish and its content to the vhost. A publish that lies
 * whole in what was read is handled in place; any other is put together frame by frame.
 */
export class Publisher {
  readonly #channel: Channel
  readonly #message = new Message()
  #assembly: ContentAssembly | undefined
  /** The address of the latest publish and its route: a channel mostly keeps to one. */
  #address: Buffer | undefined
  #addressLength = 0
  #route: Route | undefined
  /** The exchange whose write permission was checked last, and against which state of the permissions. */
  #allowedExchange: object | undefined
  #allowedGeneration = -1
  /** The type of that exchange has a say, too, for each routing key. */
  #hasAuthority = false
  /** The route that it allowed last, and which of its generations did. */
  #authorizedRoute: Route | undefined
  #authorityGeneration: number | undefined

  constructor(channel: Channel) {
    this.#channel = channel
  }

  /** No content is under way. */
  get idle(): boolean {
    return this.#assembly === undefined
  }

  /**
   * Publishes straight from what was read, if method, header and at most one body frame are there.
   * @param at offset of the method frame. @param next offset behind it. @param end of what was read.
   * @returns offset behind the content; 0 when it has to be put together instead.
   */
  publishInPlace(buffer: Buffer, at: number, next: number, end: number): number {
    const exchangeAt = at + 13
    const routingKeyAt = exchangeAt + 1 + (buffer[exchangeAt] as number)
    const bitsAt = routingKeyAt + 1 + (buffer[routingKeyAt] as number)
    // The frame end follows the one octet of bits; anything else is the decoder's to refuse.
    if (bitsAt + 2 !== next || end - next < 7 + CONTENT_HEADER_FIXED_BYTES + 2 + 1) return 0
    const channelNumber = readUint16(buffer, at + 1)
    const headerSize = readUint32(buffer, next + 3)
    const bodyAt = next + 8 + headerSize
    const { frameMax } = this.#channel.connection
    if (bodyAt > end || headerSize < CONTENT_HEADER_FIXED_BYTES + 2 || headerSize > frameMax) return 0
    if (
      buffer[next] !== FrameType.HEADER ||
      readUint16(buffer, next + 1) !== channelNumber ||
      readUint32(buffer, next + 7) !== ClassId.BASIC << 16 ||
      buffer[bodyAt - 1] !== FRAME_END
    ) {
      return 0
    }
    const bodyLength = readUint64(buffer, next + 11)
    let after = bodyAt
    if (bodyLength > 0) {
      if (end - bodyAt < bodyLength + 8 || bodyLength > this.#channel.vhost.context.limits.maxMessageSize) return 0
      after = bodyAt + bodyLength + 8
      if (
        buffer[bodyAt] !== FrameType.BODY ||
        readUint16(buffer, bodyAt + 1) !== channelNumber ||
        readUint32(buffer, bodyAt + 3) !== bodyLength ||
        bodyLength > frameMax ||
        buffer[after - 1] !== FRAME_END
      ) {
        return 0
      }
    }
    const message = this.#message
    message.buffer = buffer
    message.exchangeAt = exchangeAt
    message.routingKeyAt = routingKeyAt
    message.propertiesAt = next + 7 + CONTENT_HEADER_FIXED_BYTES
    message.propertiesLength = headerSize - CONTENT_HEADER_FIXED_BYTES
    message.bodyAt = bodyAt + 7
    message.bodyLength = bodyLength
    message.owned = false
    this.#channel.connection.handlingPublish(channelNumber, after)
    this.#publish(message, buffer[bitsAt] as number)
    // An idle channel must not keep the chunk it read last.
    message.release()
    return after
  }

  /** A basic.publish whose content comes in later frames. */
  begin(method: BasicPublish): void {
    const { buffer, exchangeAt, routingKeyAt } = method
    const end = routingKeyAt + 1 + (buffer[routingKeyAt] as number)
    const bits = (method.mandatory ? MANDATORY : 0) | (method.immediate ? IMMEDIATE : 0)
    this.#assembly = new ContentAssembly(
      buffer.subarray(exchangeAt, end),
      routingKeyAt - exchangeAt,
      bits,
      this.#channel.vhost.context,
    )
  }

  /** What is wrong with a method that comes now, while content is under way: 505. */
  contentExpected(): AmqpError {
    if (this.#assembly?.hasHeader) return unexpectedFrame(BODY_EXPECTED)
    return unexpectedFrame(headerExpected('non content header frame'))
  }

  /** A header or body frame, while content is under way. @throws AmqpError 505 out of order, 501 malformed; 406 for a body over the limit. */
  contentFrame(type: number, buffer: Buffer, from: number, to: number): void {
    const assembly = this.#assembly as ContentAssembly
    if (!assembly.hasHeader) {
      if (type !== FrameType.HEADER) throw unexpectedFrame(headerExpected('non content header frame'))
      this.#contentHeader(assembly, buffer, from, to)
    } else {
      if (type !== FrameType.BODY) throw unexpectedFrame(BODY_EXPECTED)
      assembly.addBody(buffer, from, to)
    }
    if (!assembly.complete) return
    this.#assembly = undefined
    const message = assembly.finish()
    const { maxMessageSize } = this.#channel.vhost.context.limits
    if (assembly.bodyLength > maxMessageSize) {
      throw preconditionFailed(
        `message size ${assembly.bodyLength} is larger than configured max size ${maxMessageSize}`,
      )
    }
    this.#publish(message, assembly.bits)
  }

  release(): void {
    this.#assembly?.discard()
    this.#assembly = undefined
    this.#route = undefined
    this.#authorizedRoute = undefined
    this.#message.release()
  }

  #contentHeader(assembly: ContentAssembly, buffer: Buffer, from: number, to: number): void {
    if (to - from < CONTENT_HEADER_FIXED_BYTES + 2) throw frameError('cannot decode content header')
    const classId = readUint16(buffer, from)
    if (readUint16(buffer, from + 2) !== 0) throw unexpectedFrame(headerExpected('non content header frame'))
    if (classId !== ClassId.BASIC) {
      throw unexpectedFrame(headerExpected(`one for class ${classId}`))
    }
    assembly.setHeader(readUint64(buffer, from + 4), buffer, from + CONTENT_HEADER_FIXED_BYTES, to)
  }

  /** Everything a publish has to pass, in RabbitMQ's order, then the vhost. */
  #publish(message: Message, bits: number): void {
    const channel = this.#channel
    const { connection, vhost } = channel
    if (bits & IMMEDIATE) throw notImplemented('immediate=true')
    if (connection.amqp.settings.alarms.raised) connection.publishers.holdBack()
    const route = this.#findRoute(message)
    const flags = message.propertyFlags
    const { propertiesLength } = message
    if (
      (flags !== 0 || propertiesLength !== NO_PROPERTIES_BYTES) &&
      (flags !== PropertyFlag.DELIVERY_MODE || propertiesLength !== ONLY_DELIVERY_MODE_BYTES)
    ) {
      message = this.#checkProperties(message, flags)
      if (this.#hasAuthority && flags & PropertyFlag.HEADERS) this.#authorizeCopies(route.exchange, message)
    }
    const mandatory = (bits & MANDATORY) !== 0
    if (channel.transaction !== undefined) {
      channel.transaction.publish(vhost, route, message, mandatory)
      return
    }
    const result = vhost.publish(route, message)
    if (mandatory && !result.routed) returnMessage(channel, result.stored ?? message)
    if (channel.confirms !== undefined) {
      channel.confirms.published(result.position, result.rejected, result.pending)
    }
  }

  /** @throws AmqpError 403, 404 */
  #findRoute(message: Message): Route {
    const { vhost, permissions } = this.#channel
    const { buffer, exchangeAt } = message
    const addressLength = message.addressLength
    const last = this.#route
    let route = last
    if (
      last === undefined ||
      last.generation !== vhost.generation ||
      !last.cacheable ||
      !this.#isSameAddress(buffer, exchangeAt, addressLength)
    ) {
      route = vhost.findRoute(buffer, exchangeAt, exchangeAt + addressLength)
      if (route === undefined) {
        const name = message.exchange
        checkAccess(this.#channel, 'write', 'exchange', name)
        throw notFound('exchange', name, vhost.name)
      }
      this.#remember(buffer, exchangeAt, addressLength, route)
    }
    const found = route as Route
    const { exchange } = found
    if (exchange !== this.#allowedExchange || permissions.generation !== this.#allowedGeneration) {
      checkAccess(this.#channel, 'write', 'exchange', exchange.name)
      if (exchange.internal) {
        throw accessRefused(`cannot publish to internal exchange '${exchange.name}' in vhost '${vhost.name}'`)
      }
      this.#allowedExchange = exchange
      this.#allowedGeneration = permissions.generation
      this.#hasAuthority = exchange.type.authorize !== undefined
    }
    if (this.#hasAuthority) this.#authorize(found, message.routingKey)
    // Asked here already, so that the key is only decoded when somebody looks at it.
    if (permissions.topics) checkTopicAccess(this.#channel, 'write', exchange, message.routingKey)
    return found
  }

  /** @throws AmqpError 403 */
  #authorize(route: Route, routingKey: string): void {
    const { exchange } = route
    const { authorityGeneration } = exchange.type
    if (route === this.#authorizedRoute && authorityGeneration === this.#authorityGeneration) return
    checkAuthority(this.#channel, 'publish', exchange, routingKey)
    this.#authorizedRoute = route
    this.#authorityGeneration = authorityGeneration
  }

  /** What the sender selects by CC and BCC counts as much as the routing key. @throws AmqpError 403, 406 */
  #authorizeCopies(exchange: Exchange, message: Message): void {
    const view = this.#channel.vhost.context.propertyView
    for (const key of senderSelection(message, view)?.keys ?? []) {
      checkAuthority(this.#channel, 'publish', exchange, key)
    }
  }

  #isSameAddress(buffer: Buffer, at: number, length: number): boolean {
    const address = this.#address as Buffer
    if (length !== this.#addressLength) return false
    for (let i = 0; i < length; i++) if (address[i] !== buffer[at + i]) return false
    return true
  }

  #remember(buffer: Buffer, at: number, length: number, route: Route): void {
    // Two shortstrs have at most 512 bytes.
    this.#address ??= Buffer.allocUnsafeSlow(512)
    copyBytes(buffer, at, at + length, this.#address, 0)
    this.#addressLength = length
    this.#route = route
  }

  /** @returns the message, or another when its reply-to had to be made the requester's own. */
  #checkProperties(message: Message, flags: number): Message {
    const properties = message.properties(this.#channel.vhost.context.propertyView)
    if (!properties.valid()) throw frameError('cannot decode properties')
    if (flags & PropertyFlag.EXPIRATION) checkExpiration(message.buffer, properties.find(PropertyFlag.EXPIRATION))
    if (
      flags & PropertyFlag.HEADERS &&
      !isTable(message.buffer, properties.find(PropertyFlag.HEADERS), properties.end)
    ) {
      throw frameError('cannot decode headers')
    }
    if (flags & PropertyFlag.USER_ID) this.#checkUserId(properties.userId as string)
    if ((flags & PropertyFlag.REPLY_TO) === 0 || properties.replyTo !== REPLY_TO) return message
    const { directReply } = this.#channel
    if (directReply === undefined) throw preconditionFailed('fast reply consumer does not exist')
    const { buffer, propertiesAt, propertiesLength } = message
    return withProperties(
      message,
      replaceProperties(buffer, propertiesAt, propertiesLength, { replyTo: directReply.name }),
    )
  }

  #checkUserId(userId: string): void {
    const { user } = this.#channel.connection
    if (user === undefined || user.name === userId || user.tags.includes('impersonator')) return
    throw preconditionFailed(`user_id property set to '${userId}' but authenticated user was '${user.name}'`)
  }
}

/** Sends a mandatory message back that reached no queue. */
export function returnMessage(channel: Channel, message: Message): void {
  channel.send(
    encodeBasicReturn(channel.number, {
      replyCode: ReplyCode.NO_ROUTE,
      replyText: 'NO_ROUTE',
      exchange: message.exchange,
      routingKey: message.routingKey,
    }),
  )
  writeContent(channel.connection.out, channel.number, message, channel.connection.frameMax)
}

function headerExpected(got: string): string {
  return `expected content header for class ${ClassId.BASIC}, got ${got} instead`
}
