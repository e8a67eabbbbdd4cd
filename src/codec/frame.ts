/*
 * A frame:            octet type | short channel | long size | payload of that size | octet 206
 * A method payload:   short class | short method | arguments
 * A header payload:   short class | short weight, 0 | longlong body size | short flags | property list
 */
import { ClassId, FRAME_END, FrameType } from './generated/constants.ts'
import { copyBytes, writeUint16, writeUint32, writeUint64 } from './wire.ts'

/** Bytes of a frame before its payload. */
export const FRAME_HEADER_BYTES = 7

/** Bytes of a frame that are not payload: its header and its end octet. */
export const FRAME_OVERHEAD_BYTES = 8

/** Bytes of a content header's payload before the flags word. */
export const CONTENT_HEADER_FIXED_BYTES = 12

/** Writes the seven octets before a payload of `size` bytes. */
export function writeFrameHeader(buffer: Buffer, at: number, type: number, channel: number, size: number): void {
  buffer[at] = type
  writeUint16(buffer, at + 1, channel)
  writeUint32(buffer, at + 3, size)
}

/** A whole frame around a payload, which is copied. */
export function encodeFrame(type: number, channel: number, payload: Buffer): Buffer {
  const frame = emptyFrame(type, channel, payload.length)
  payload.copy(frame, FRAME_HEADER_BYTES)
  return frame
}

/** A heartbeat, always on channel 0. */
export const HEARTBEAT_FRAME: Buffer = encodeFrame(FrameType.HEARTBEAT, 0, Buffer.alloc(0))

/** The header frame of a message of class basic; `properties` are its flags word and list, as `encodeProperties` gives. */
export function encodeContentHeader(channel: number, bodySize: number, properties: Buffer): Buffer {
  const frame = emptyFrame(FrameType.HEADER, channel, CONTENT_HEADER_FIXED_BYTES + properties.length)
  writeUint16(frame, 7, ClassId.BASIC)
  writeUint16(frame, 9, 0)
  writeUint64(frame, 11, bodySize)
  properties.copy(frame, FRAME_HEADER_BYTES + CONTENT_HEADER_FIXED_BYTES)
  return frame
}

/**
 * The body frames of a message, back to back; none for an empty body.
 * @param frameMax bytes a frame may have, overhead included; 0 for no limit.
 * @throws RangeError when frameMax leaves no room for a payload.
 */
export function encodeBody(channel: number, body: Buffer, frameMax: number): Buffer {
  if (body.length === 0) return Buffer.alloc(0)
  const payloadMax = frameMax === 0 ? body.length : frameMax - FRAME_OVERHEAD_BYTES
  if (!(payloadMax > 0)) throw new RangeError(`no payload fits into a frame of ${frameMax} bytes`)
  const frames = Math.ceil(body.length / payloadMax)
  const buffer = Buffer.allocUnsafe(body.length + frames * FRAME_OVERHEAD_BYTES)
  let at = 0
  for (let from = 0; from < body.length; from += payloadMax) {
    const to = Math.min(from + payloadMax, body.length)
    writeFrameHeader(buffer, at, FrameType.BODY, channel, to - from)
    copyBytes(body, from, to, buffer, at + FRAME_HEADER_BYTES)
    at += FRAME_OVERHEAD_BYTES + to - from
    buffer[at - 1] = FRAME_END
  }
  return buffer
}

/** Header and body frames of a message: what follows basic.publish, basic.deliver, basic.return or basic.get-ok. */
export function encodeContent(channel: number, properties: Buffer, body: Buffer, frameMax: number): Buffer {
  return Buffer.concat([encodeContentHeader(channel, body.length, properties), encodeBody(channel, body, frameMax)])
}

/** A method frame with `argumentBytes` bytes of arguments still to be written, from offset 11 on. */
export function emptyMethodFrame(channel: number, method: number, argumentBytes: number): Buffer {
  const frame = emptyFrame(FrameType.METHOD, channel, 4 + argumentBytes)
  writeUint32(frame, FRAME_HEADER_BYTES, method)
  return frame
}

function emptyFrame(type: number, channel: number, payloadBytes: number): Buffer {
  const frame = Buffer.allocUnsafe(FRAME_OVERHEAD_BYTES + payloadBytes)
  writeFrameHeader(frame, 0, type, channel, payloadBytes)
  frame[frame.length - 1] = FRAME_END
  return frame
}
