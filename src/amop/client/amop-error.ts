import { ResultCode } from '../packet/result-code.ts'

/** What an AmopError may say beside its code and text. */
export interface AmopErrorDetails {
  /** The topic as the application calls it. */
  readonly topic?: string
  /** By which the message can be followed in the logs of its node. */
  readonly seq?: string
  /** What came with the code; a handler's own error has its text here. */
  readonly data?: Buffer
}

/**
 * A message that was not delivered, or not answered with success. A handler that throws one answers with its code and its
 * text.
 */
export class AmopError extends Error {
  override readonly name = 'AmopError'
  /**
   * See `ResultCode`, and docs/amop-codes.md for who makes each; any other whole number of 32 bits is the subscribing
   * program's.
   */
  readonly code: number
  readonly topic: string | undefined
  readonly seq: string | undefined
  readonly data: Buffer | undefined

  constructor(code: number, text: string, { topic, seq, data }: AmopErrorDetails = {}) {
    super(text)
    this.code = code
    this.topic = topic
    this.seq = seq
    this.data = data
  }
}

/** The result of a handler that threw anything else than an AmopError with a code of its own. */
export const HANDLER_FAILED = 1

const TEXT_MAX = 200

/** The error for a result that somebody else made. */
export function resultError(code: number, details: AmopErrorDetails & { readonly topic: string }): AmopError {
  return new AmopError(code, `${code}: ${textOf(code, details)}`, details)
}

function textOf(code: number, { topic, data }: AmopErrorDetails): string {
  switch (code) {
    case ResultCode.NOT_SENT:
      return `no connected node could take the message to topic '${topic}'`
    case ResultCode.NO_LISTENER:
      return `nobody who may get it listens to topic '${topic}'`
    case ResultCode.PUSH_FAILED:
      return `the node could not hand over the message to topic '${topic}'`
    case ResultCode.OVER_BANDWIDTH:
      return `the node refused the message to topic '${topic}': over its limit of bandwidth or of unanswered messages`
    case ResultCode.LISTENERS_FAILED:
      return `everybody who listens to topic '${topic}' failed or did not answer in time`
    case ResultCode.NOT_DECODED:
      return `the answer on topic '${topic}' could not be decoded`
    default: {
      const text = data?.toString('utf8', 0, TEXT_MAX) ?? ''
      return `the subscriber of topic '${topic}' answered with this code${text === '' ? '' : `: ${text}`}`
    }
  }
}
