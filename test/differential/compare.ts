import type { Answers } from './play.ts'
import type { Session } from './session.ts'

/** A difference that is meant. What Leveret answers instead is held as exactly as everything else. */
export interface AcceptedDifference {
  /** Why, naming the version of RabbitMQ that answers like this or the rule that Leveret follows. */
  readonly reason: string
  /** The ids of the sessions in which it occurs. It must occur in each of them. */
  readonly sessions: readonly string[]
  /** Makes Leveret's lines from RabbitMQ's. */
  readonly rewrite: (lines: readonly string[]) => readonly string[]
}

export interface Failure {
  readonly session: Session
  readonly report: string
}

/**
 * Compares Leveret's answers with the oracle's, session by session.
 *
 * A session fails when Leveret answers neither like the oracle nor, where a difference is accepted, exactly as that says;
 * and also when an accepted difference does not occur any more.
 */
export function compare(
  sessions: readonly Session[],
  oracle: Answers,
  leveret: Answers,
  accepted: readonly AcceptedDifference[],
): Failure[] {
  const failures: Failure[] = []
  for (const session of sessions) {
    const theirs = oracle.get(session.id)
    const ours = leveret.get(session.id) ?? []
    const report = theirs ? explain(session, theirs, ours, accepted) : 'There is no recording of this session.'
    if (report) failures.push({ session, report: `FAIL ${session.id}\n${report}` })
  }
  return failures
}

/** The accepted differences that name sessions which do not exist. */
export function unknownSessions(sessions: readonly Session[], accepted: readonly AcceptedDifference[]): string[] {
  const known = new Set(sessions.map(({ id }) => id))
  return accepted.flatMap((difference) => difference.sessions.filter((id) => !known.has(id)))
}

function explain(
  session: Session,
  theirs: readonly string[],
  ours: readonly string[],
  accepted: readonly AcceptedDifference[],
): string | undefined {
  let expected = theirs
  const reasons: string[] = []
  for (const difference of accepted) {
    if (!difference.sessions.includes(session.id)) continue
    const rewritten = difference.rewrite(expected)
    if (equal(rewritten, expected)) {
      return `The accepted difference does not apply to RabbitMQ's answer: ${difference.reason}\n${indent(theirs)}`
    }
    expected = rewritten
    reasons.push(difference.reason)
  }
  if (equal(expected, ours)) return undefined
  if (reasons.length === 0) return diff(theirs, ours)
  const because = reasons.map((reason) => `  accepted: ${reason}`).join('\n')
  if (equal(theirs, ours)) return `An accepted difference occurs no more.\n${because}`
  return `Leveret answers neither as RabbitMQ nor as accepted (its lines with + below, the accepted ones with -).\n${because}\n${diff(expected, ours)}`
}

function equal(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((line, index) => line === b[index])
}

function indent(lines: readonly string[]): string {
  return lines.map((line) => `    ${line}`).join('\n')
}

/** Both answers as one text: common lines, `-` for the oracle's alone, `+` for Leveret's alone. */
export function diff(theirs: readonly string[], ours: readonly string[]): string {
  // The longest common subsequence, by its lengths from each pair of positions to the end.
  const lengths = Array.from({ length: theirs.length + 1 }, () => new Array<number>(ours.length + 1).fill(0))
  const at = (i: number, j: number) => lengths[i]?.[j] ?? 0
  for (let i = theirs.length - 1; i >= 0; i--) {
    for (let j = ours.length - 1; j >= 0; j--) {
      const row = lengths[i] as number[]
      row[j] = theirs[i] === ours[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1))
    }
  }
  const lines: string[] = []
  let i = 0
  let j = 0
  while (i < theirs.length || j < ours.length) {
    if (i < theirs.length && j < ours.length && theirs[i] === ours[j]) {
      lines.push(`    ${theirs[i++]}`)
      j++
    } else if (i < theirs.length && (j === ours.length || at(i + 1, j) >= at(i, j + 1))) {
      lines.push(`  - ${theirs[i++]}`)
    } else {
      lines.push(`  + ${ours[j++]}`)
    }
  }
  return lines.join('\n')
}
