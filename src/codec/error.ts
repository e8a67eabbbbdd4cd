import { ReplyCode, replyName } from './generated/constants.ts'

/**
 * Bytes that cannot be read as AMQP 0-9-1.
 *
 * `code` is the reply code (501) and `message` the whole reply text, fit for `connection.close`:
 * at most 255 bytes, such as `FRAME_ERROR - cannot decode <<0,0>>`.
 */
export class CodecError extends Error {
  override readonly name = 'CodecError'
  readonly code: number
  constructor(code: number, text: string) {
    super(text)
    this.code = code
  }
}

/** A CodecError 501 whose text is `FRAME_ERROR - explanation`, cut to what a shortstr holds. */
export function frameError(explanation: string): CodecError {
  const code = ReplyCode.FRAME_ERROR
  return new CodecError(code, `${replyName(code)} - ${explanation}`.slice(0, 255))
}

/**
 * The error for method arguments that `decode` refused: bytes `from` (after the method id) to `to` (exclusive).
 * Source of the text: RabbitMQ, which prints every byte in decimal.
 */
export function cannotDecode(buffer: Buffer, from: number, to: number): CodecError {
  // A reply text holds 255 bytes and a number takes at least two of them.
  return frameError(`cannot decode <<${Array.from(buffer.subarray(from, Math.min(to, from + 128))).join()}>>`)
}

/** The error for a frame whose last octet is not 206. `from` to `to` is its payload. Source of the text: RabbitMQ. */
export function badFrameEnd(type: number, buffer: Buffer, from: number, to: number, octet: number): CodecError {
  return frameError(`${describeFrame(type, buffer, from, to)}: {invalid_frame_end_marker,${octet}}`)
}

/** The error for a frame type other than 1, 2, 3 and 8. Source of the text: RabbitMQ. */
export function unknownFrameType(type: number, buffer: Buffer, from: number, to: number): CodecError {
  return frameError(`${describeFrame(type, buffer, from, to)}: unknown_frame`)
}

/** The error for a payload of `size` bytes where `payloadMax` (frame-max - 8) are allowed. Source of the text: RabbitMQ. */
export function frameTooLarge(type: number, size: number, payloadMax: number): CodecError {
  return frameError(`type ${type}, all octets = <<>>: {frame_too_large,${size},${payloadMax}}`)
}

/** A frame as RabbitMQ prints it in error texts: its type and at most 16 bytes of its payload. */
export function describeFrame(type: number, buffer: Buffer, from: number, to: number): string {
  const extent = to - from > 16 ? 'first 16' : 'all'
  return `type ${type}, ${extent} octets = ${erlangBinary(buffer.subarray(from, Math.min(to, from + 16)))}`
}

// Erlang's ~p prints a binary of printable characters as a string.
function erlangBinary(bytes: Buffer): string {
  const printable = bytes.length > 0 && bytes.every((byte) => byte >= 0x20 && byte < 0x7f)
  if (!printable) return `<<${Array.from(bytes).join()}>>`
  return `<<"${bytes.toString('latin1').replace(/["\\]/g, '\\$&')}">>`
}
