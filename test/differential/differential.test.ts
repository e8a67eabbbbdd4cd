import test from 'ava'
import { ACCEPTED } from './accepted.ts'
import { compare, diff, unknownSessions } from './compare.ts'
import { startLeveret } from './leveret.ts'
import { playSessions } from './play.ts'
import { readRecording } from './recording.ts'
import { GROUPS } from './sessions/index.ts'

const SESSIONS = GROUPS.flatMap((group) => group.sessions)

for (const group of GROUPS) {
  test(`${group.name}: every session is answered as RabbitMQ answered it, or as accepted`, async (t) => {
    const broker = await startLeveret()
    t.teardown(() => broker.stop())
    const answers = await playSessions(group.sessions, broker.port, { quietMs: 10, patienceMs: 6000, together: 24 })
    const failures = compare(group.sessions, readRecording(), answers, ACCEPTED)
    t.is(failures.map(({ report }) => report).join('\n\n'), '')
  })
}

test('every accepted difference names sessions that exist', (t) => {
  t.deepEqual(unknownSessions(SESSIONS, ACCEPTED), [])
})

test('the recording holds the sessions that are played and no others', (t) => {
  t.deepEqual([...readRecording().keys()].sort(), SESSIONS.map(({ id }) => id).sort())
})

test('a difference that is not accepted, and an accepted one that occurs no more, are told', (t) => {
  const [session] = SESSIONS
  if (!session) return t.fail('there are no sessions')
  const answers = (...lines: string[]) => new Map([[session.id, lines]])
  const accepted = [{ reason: 'why', sessions: [session.id], rewrite: () => ['a < two'] }]
  t.is(compare([session], answers('a < one'), answers('a < one'), []).length, 0)
  t.is(compare([session], answers('a < one'), answers('a < two'), []).length, 1)
  t.is(compare([session], answers('a < one'), answers('a < two'), accepted).length, 0)
  t.regex(compare([session], answers('a < one'), answers('a < one'), accepted)[0]?.report ?? '', /occurs no more/)
  t.regex(compare([session], answers('a < one'), answers('a < three'), accepted)[0]?.report ?? '', /nor as accepted/)
  t.regex(compare([session], answers('a < two'), answers('a < two'), accepted)[0]?.report ?? '', /does not apply/)
  t.is(diff(['1', '2', '3'], ['1', '3', '4']), '    1\n  - 2\n    3\n  + 4')
})
