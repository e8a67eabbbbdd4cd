import { AmqpError } from '../broker/index.ts'
import { ReplyCode } from '../codec/index.ts'

export function unexpectedFrame(text: string): AmqpError {
  return new AmqpError(ReplyCode.UNEXPECTED_FRAME, `UNEXPECTED_FRAME - ${text}`, 'connection')
}

export function commandInvalid(text: string): AmqpError {
  return new AmqpError(ReplyCode.COMMAND_INVALID, `COMMAND_INVALID - ${text}`, 'connection')
}

export function channelError(text: string): AmqpError {
  return new AmqpError(ReplyCode.CHANNEL_ERROR, `CHANNEL_ERROR - ${text}`, 'connection')
}

export function syntaxError(text: string): AmqpError {
  return new AmqpError(ReplyCode.SYNTAX_ERROR, `SYNTAX_ERROR - ${text}`, 'connection')
}

/** A defect of ours: the client is told no more than that. */
export function internalError(): AmqpError {
  return new AmqpError(ReplyCode.INTERNAL_ERROR, 'INTERNAL_ERROR', 'connection')
}

/** Cuts a text so that it fits a shortstr. */
export function shortText(text: string): string {
  if (Buffer.byteLength(text) <= 255) return text
  let short = text.slice(0, 252)
  while (Buffer.byteLength(short) > 252) short = short.slice(0, -1)
  return `${short}...`
}
