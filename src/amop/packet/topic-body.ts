import { isUtf8 } from 'node:buffer'
import { struct, u8 } from 'buffer-layout'
import { HEADER_BYTES, Packet } from './packet.ts'

// The body of frames that carry a topic:
//
//   0       1                    t
//   +-------+--------------------+----------+
//   | t     | topic: t - 1 bytes | data ... |
//   | uint8 | UTF-8              | opaque   |
//   +-------+--------------------+----------+
//
// t counts itself; so an empty topic is t = 1, and 254 bytes are the longest.

/** Bytes of a topic at most: t is one byte and counts itself. */
export const TOPIC_BYTES_MAX = 254

const TOPIC_HEAD = struct<{ t: number }>([u8('t')])

const HALF_CHARACTER = /\p{Surrogate}/u

/** Where the topic and the data lie in a frame. */
export interface TopicPlace {
  /** Undefined when its bytes are not UTF-8: nobody can have such a topic, as topics are announced in JSON. */
  readonly topic: string | undefined
  /** Offset of the data in the frame. */
  readonly dataAt: number
}

/** @returns undefined when the body is malformed: empty, t = 0, or t more than the body has. */
export function findTopic(frame: Buffer): TopicPlace | undefined {
  if (frame.length <= HEADER_BYTES) return undefined
  const { t } = TOPIC_HEAD.decode(frame, HEADER_BYTES)
  const dataAt = HEADER_BYTES + t
  if (t === 0 || dataAt > frame.length) return undefined
  const topic = frame.toString('utf8', HEADER_BYTES + 1, dataAt)
  if (topic.includes('\ufffd') && !isUtf8(frame.subarray(HEADER_BYTES + 1, dataAt))) return { topic: undefined, dataAt }
  return { topic, dataAt }
}

/** True when a topic can be put into a frame and come out as it was. */
export function fitsTopicBody(topic: string): boolean {
  return !HALF_CHARACTER.test(topic) && Buffer.byteLength(topic) <= TOPIC_BYTES_MAX
}

/** @throws RangeError when the topic has over 254 bytes of UTF-8, or is no text. */
export function encodeTopicBody(topic: string, data: Buffer): Buffer {
  const t = headBytes(topic)
  const body = Buffer.allocUnsafe(t + data.length)
  writeTopicBody(body, 0, t, topic, data)
  return body
}

/**
 * A packet with a topic, its data copied once. A small one is in memory that it shares with others.
 * @throws RangeError as `encodeTopicBody` and `Packet.make` do.
 */
export function makeTopicPacket(type: number, seq: string, result: number, topic: string, data: Uint8Array): Packet {
  const t = headBytes(topic)
  const packet = Packet.allocate(type, seq, result, t + data.length, true)
  writeTopicBody(packet.frame, HEADER_BYTES, t, topic, data)
  return packet
}

/** Bytes of a whole frame that carries a topic. */
export function topicFrameBytes(topic: string, dataBytes: number): number {
  return HEADER_BYTES + 1 + Buffer.byteLength(topic) + dataBytes
}

/** @returns t. @throws RangeError */
function headBytes(topic: string): number {
  if (!fitsTopicBody(topic)) throw new RangeError(`a topic has at most ${TOPIC_BYTES_MAX} bytes of UTF-8`)
  return 1 + Buffer.byteLength(topic)
}

function writeTopicBody(target: Buffer, at: number, t: number, topic: string, data: Uint8Array): void {
  TOPIC_HEAD.encode({ t }, target, at)
  target.write(topic, at + 1)
  target.set(data, at + t)
}
