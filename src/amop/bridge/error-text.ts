import { ResultCode } from '../packet/result-code.ts'

/** What each code that a node makes means, for a publisher that is no SDK. */
const TEXTS: Readonly<Record<number, string>> = {
  [ResultCode.NOT_SENT]: 'no connection could take the message',
  [ResultCode.NO_LISTENER]: 'nobody listens, or the time for all candidates together is over',
  [ResultCode.PUSH_FAILED]: 'handing the message over failed',
  [ResultCode.TIMEOUT]: 'no answer in time',
  [ResultCode.OVER_BANDWIDTH]: 'too much goes out, or too many messages wait for an answer',
  [ResultCode.LISTENERS_FAILED]: 'everybody who listened failed or did not answer in time',
  [ResultCode.NOT_DECODED]: 'the answer could not be decoded',
}

/** @param data what came with the code: an application's own text, if the code is its own. */
export function errorText(code: number, topic: string, data: Buffer): Buffer {
  const text = TEXTS[code]
  if (text === undefined && data.length > 0) return data
  return Buffer.from(`AMOP error ${code} for topic '${topic}': ${text ?? 'the subscriber says so'}`)
}
