import { PropertyFlag, type PropertyView, replaceProperties, Table } from '../../codec/index.ts'
import { readHeaders } from '../dead-letter.ts'
import { Message } from '../message.ts'

/** The header in which a quorum queue says how often the message came back. */
const HEADER = 'x-delivery-count'

/**
 * The message as a quorum queue delivers it again: with the header `x-delivery-count`; as it came when it never came
 * back, or its headers are bytes that no table can be read from.
 */
export function withDeliveryCount(message: Message, view: PropertyView, count: number): Message {
  if (count === 0) return message
  const { buffer, propertiesAt, propertiesLength, bodyAt, bodyLength } = message
  const hasHeaders = (message.propertyFlags & PropertyFlag.HEADERS) !== 0
  const headers = hasHeaders ? readHeaders(message, view) : new Table()
  if (headers === undefined) return message
  headers.set(HEADER, { type: 'l', value: BigInt(count) })
  const properties = replaceProperties(buffer, propertiesAt, propertiesLength, { headers })
  return Message.of(
    message.exchange,
    message.routingKey,
    properties,
    buffer.subarray(bodyAt, bodyAt + bodyLength),
    message.marks,
  )
}
