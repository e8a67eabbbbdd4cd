import type { Message } from '../broker/index.ts'
import {
  ClassId,
  CONTENT_HEADER_FIXED_BYTES,
  copyBytes,
  FRAME_END,
  FRAME_OVERHEAD_BYTES,
  FrameType,
  writeFrameHeader,
  writeUint16,
  writeUint64,
} from '../codec/index.ts'
import type { Output } from './output.ts'

/** Content up to this size is written in one piece; a larger one frame by frame. */
const IN_ONE_PIECE = 32768

/**
 * A body of at least this size that nobody will change is sent from where it rests: a copy for each consumer would hold
 * it in memory as many times. Below, a write more costs more than the copy.
 */
const SHARED_BODY_BYTES = 262144

/** Writes a message's content header and body frames. @param frameMax the receiver's limit for a whole frame. */
export function writeContent(out: Output, channel: number, message: Message, frameMax: number): void {
  const { buffer, bodyAt, bodyLength, propertiesLength } = message
  const headerBytes = FRAME_OVERHEAD_BYTES + CONTENT_HEADER_FIXED_BYTES + propertiesLength
  if (
    headerBytes + FRAME_OVERHEAD_BYTES + bodyLength <= IN_ONE_PIECE &&
    bodyLength <= frameMax - FRAME_OVERHEAD_BYTES
  ) {
    const at = out.reserve(contentBytes(message))
    writeContentAt(out.chunk, at, channel, message)
    return
  }
  const head = Buffer.allocUnsafe(headerBytes)
  writeHeader(head, 0, channel, message)
  out.append(head)
  const pieceMax = frameMax - FRAME_OVERHEAD_BYTES
  if (message.owned && bodyLength >= SHARED_BODY_BYTES) {
    shareBody(out, channel, message, pieceMax)
    return
  }
  for (let from = 0; from < bodyLength; from += pieceMax) {
    const piece = Math.min(pieceMax, bodyLength - from)
    const at = out.reserve(7)
    writeFrameHeader(out.chunk, at, FrameType.BODY, channel, piece)
    out.append(buffer, bodyAt + from, bodyAt + from + piece)
    const endAt = out.reserve(1)
    out.chunk[endAt] = FRAME_END
  }
}

/** The frames around the body's pieces lie in one buffer: the end of each with the beginning of the next. */
function shareBody(out: Output, channel: number, { buffer, bodyAt, bodyLength }: Message, pieceMax: number): void {
  const frames = Buffer.allocUnsafe(Math.ceil(bodyLength / pieceMax) * FRAME_OVERHEAD_BYTES)
  let at = 0
  for (let from = 0; from < bodyLength; from += pieceMax) {
    const piece = Math.min(pieceMax, bodyLength - from)
    const start = from === 0 ? 0 : at - 1
    writeFrameHeader(frames, at, FrameType.BODY, channel, piece)
    out.appendShared(frames.subarray(start, at + 7))
    out.appendShared(buffer.subarray(bodyAt + from, bodyAt + from + piece))
    frames[at + 7] = FRAME_END
    at += FRAME_OVERHEAD_BYTES
  }
  out.appendShared(frames.subarray(at - 1))
}

/** True when the content fits one body frame and is small enough to be written together with its method. */
export function fitsOnePiece(message: Message, frameMax: number): boolean {
  return (
    message.propertiesLength + message.bodyLength <= IN_ONE_PIECE &&
    message.bodyLength <= frameMax - FRAME_OVERHEAD_BYTES
  )
}

/** Bytes of the content of a message whose body fits one frame. */
export function contentBytes(message: Message): number {
  const bodyLength = message.bodyLength
  const header = FRAME_OVERHEAD_BYTES + CONTENT_HEADER_FIXED_BYTES + message.propertiesLength
  return bodyLength === 0 ? header : header + FRAME_OVERHEAD_BYTES + bodyLength
}

/** Writes `contentBytes` bytes. */
export function writeContentAt(target: Buffer, at: number, channel: number, message: Message): void {
  at = writeHeader(target, at, channel, message)
  const bodyLength = message.bodyLength
  if (bodyLength === 0) return
  writeFrameHeader(target, at, FrameType.BODY, channel, bodyLength)
  at += 7
  copyBytes(message.buffer, message.bodyAt, message.bodyAt + bodyLength, target, at)
  target[at + bodyLength] = FRAME_END
}

function writeHeader(target: Buffer, at: number, channel: number, message: Message): number {
  const { propertiesAt, propertiesLength } = message
  writeFrameHeader(target, at, FrameType.HEADER, channel, CONTENT_HEADER_FIXED_BYTES + propertiesLength)
  at += 7
  writeUint16(target, at, ClassId.BASIC)
  writeUint16(target, at + 2, 0)
  writeUint64(target, at + 4, message.bodyLength)
  at += CONTENT_HEADER_FIXED_BYTES
  copyBytes(message.buffer, propertiesAt, propertiesAt + propertiesLength, target, at)
  at += propertiesLength
  target[at] = FRAME_END
  return at + 1
}
