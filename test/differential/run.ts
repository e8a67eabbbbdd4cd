/*
 * The differential test from the command line: the same sessions to RabbitMQ and to Leveret, and every difference that
 * is not accepted is a failure.
 *
 *   run.js               both brokers, live
 *   run.js --recorded    Leveret against the checked-in recording; needs no RabbitMQ
 *   run.js --record      writes the recording anew from a live RabbitMQ
 *
 * Behind these, words choose the sessions whose id contains one of them.
 */
import { ACCEPTED } from './accepted.ts'
import { compare, unknownSessions } from './compare.ts'
import { startLeveret } from './leveret.ts'
import { startOracle, whyNoOracle } from './oracle.ts'
import { type Answers, playSessions } from './play.ts'
import { readRecording, writeRecording } from './recording.ts'
import type { Session } from './session.ts'
import { GROUPS } from './sessions/index.ts'

const TIMING = { patienceMs: 6000, together: 24 }
// Erlang's processes answer in their own time; Leveret says everything within the turn.
const ORACLE_TIMING = { ...TIMING, quietMs: 120 }
const LEVERET_TIMING = { ...TIMING, quietMs: 60 }

const words = process.argv.slice(2)
const mode = words[0]?.startsWith('--') ? words.shift() : '--live'
const chosen = GROUPS.flatMap((group) => group.sessions).filter(
  ({ id }) => words.length === 0 || words.some((word) => id.includes(word)),
)

async function askOracle(sessions: readonly Session[]): Promise<Answers> {
  const oracle = await startOracle()
  try {
    return await playSessions(sessions, oracle.port, ORACLE_TIMING)
  } finally {
    await oracle.stop()
  }
}

async function askLeveret(sessions: readonly Session[]): Promise<Answers> {
  const leveret = await startLeveret()
  try {
    return await playSessions(sessions, leveret.port, LEVERET_TIMING)
  } finally {
    await leveret.stop()
  }
}

function close(passed: number, failed: number, skipped: number): void {
  console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`)
  process.exitCode = failed > 0 ? 1 : 0
}

async function main(): Promise<void> {
  const reason = mode === '--recorded' ? undefined : whyNoOracle()
  if (reason) {
    console.log(`SKIP differential: ${reason}`)
    return close(0, 0, 1)
  }
  if (mode === '--record') {
    writeRecording(GROUPS, await askOracle(GROUPS.flatMap((group) => group.sessions)))
    return console.log('recorded')
  }
  const theirs = mode === '--recorded' ? readRecording() : await askOracle(chosen)
  const failures = compare(chosen, theirs, await askLeveret(chosen), ACCEPTED)
  for (const { report } of failures) console.log(`${report}\n`)
  const unknown = unknownSessions(
    GROUPS.flatMap((group) => group.sessions),
    ACCEPTED,
  )
  for (const id of unknown) console.log(`FAIL an accepted difference names no session: ${id}\n`)
  close(chosen.length - failures.length, failures.length + unknown.length, 0)
}

await main()
