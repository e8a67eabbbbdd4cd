import type { Message } from '../broker/index.ts'
import {
  BASIC_DELIVER,
  copyBytes,
  FRAME_END,
  FrameType,
  writeFrameHeader,
  writeUint32,
  writeUint64,
} from '../codec/index.ts'
import type { Channel } from './channel.ts'
import { contentBytes, fitsOnePiece, writeContent, writeContentAt } from './content-writer.ts'

/** A consumer tag as it stands in each delivery: length octet and bytes. */
export function shortstrOf(text: string): Buffer {
  const bytes = Buffer.from(text)
  return Buffer.concat([Buffer.of(bytes.length), bytes])
}

/** Encodes basic.deliver and the content into the connection's output. */
export function writeDelivery(
  channel: Channel,
  consumerTag: Buffer,
  deliveryTag: number,
  message: Message,
  redelivered: boolean,
): void {
  const { connection, number } = channel
  const { out, frameMax } = connection
  const tagLength = consumerTag.length
  const addressLength = message.addressLength
  const payload = 4 + tagLength + 9 + addressLength
  const whole = fitsOnePiece(message, frameMax)
  let at = out.reserve(whole ? payload + 8 + contentBytes(message) : payload + 8)
  const target = out.chunk
  writeFrameHeader(target, at, FrameType.METHOD, number, payload)
  writeUint32(target, at + 7, BASIC_DELIVER)
  at += 11
  copyBytes(consumerTag, 0, tagLength, target, at)
  at += tagLength
  writeUint64(target, at, deliveryTag)
  target[at + 8] = redelivered ? 1 : 0
  at += 9
  copyBytes(message.buffer, message.exchangeAt, message.exchangeAt + addressLength, target, at)
  at += addressLength
  target[at] = FRAME_END
  if (whole) writeContentAt(target, at + 1, number, message)
  else writeContent(out, number, message, frameMax)
}
