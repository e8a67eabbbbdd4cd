import type { AcceptedDifference } from '../compare.ts'

/** How one line becomes none, one or several others. */
export type LineRewrite = (line: string) => string | readonly string[]

/** A difference that is the same in all these sessions: every line is rewritten on its own. */
export function byLine(reason: string, sessions: readonly string[], rewrite: LineRewrite): AcceptedDifference {
  return { reason, sessions, rewrite: (lines) => lines.flatMap(rewrite) }
}

/** A difference in these lines and no others: each of RabbitMQ's, which must be there, becomes Leveret's. */
export function instead(
  reason: string,
  session: string,
  ...changes: readonly (readonly [theirs: string, ...ours: string[]])[]
): AcceptedDifference {
  const rewrite = (lines: readonly string[]) => {
    const left = new Map(changes.map(([theirs, ...ours]) => [theirs, ours]))
    const rewritten = lines.flatMap((line) => {
      const ours = left.get(line)
      if (!ours) return line
      left.delete(line)
      return ours
    })
    // With a change that does not apply nothing is changed, which the comparison reports.
    return left.size > 0 ? lines : rewritten
  }
  return { reason, sessions: [session], rewrite }
}

/** A difference in everything from the first line on that is equal to `theirs`. */
export function insteadOfRest(
  reason: string,
  session: string,
  theirs: string,
  ...ours: readonly string[]
): AcceptedDifference {
  const rewrite = (lines: readonly string[]) => {
    const at = lines.indexOf(theirs)
    return at < 0 ? lines : [...lines.slice(0, at), ...ours]
  }
  return { reason, sessions: [session], rewrite }
}

/** How the broker's connection.close looks on connection `a`. */
export function connectionClose(code: number, text: string, classId = 0, methodId = 0): string {
  return `a < connection.close replyCode=${code} replyText=${JSON.stringify(text)} classId=${classId} methodId=${methodId}`
}

/** How the broker's channel.close looks on channel 1 of connection `a`. */
export function channelClose(code: number, text: string, classId: number, methodId: number): string {
  return `a1 < channel.close replyCode=${code} replyText=${JSON.stringify(text)} classId=${classId} methodId=${methodId}`
}

const SOCKET_ENDS = 'a < socket ends'

/** Where RabbitMQ ends the socket without a word, Leveret sends this close first. */
export function explained(reason: string, session: string, close: string): AcceptedDifference {
  return instead(reason, session, [SOCKET_ENDS, close, SOCKET_ENDS])
}
