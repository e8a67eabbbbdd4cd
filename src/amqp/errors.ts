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
