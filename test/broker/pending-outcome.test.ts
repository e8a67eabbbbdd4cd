import test from 'ava'
import { PendingOutcome } from '../../src/broker/index.ts'

function watched(outcome: PendingOutcome): string[] {
  const told: string[] = []
  outcome.waiter = { outcomeSettled: () => told.push(outcome.state) }
  return told
}

test('an outcome is told once, with what was said first', (t) => {
  const outcome = new PendingOutcome()
  const told = watched(outcome)
  t.is(outcome.state, 'pending')
  outcome.settle(false)
  outcome.settle(true)
  t.deepEqual(told, ['rejected'])
  t.is(outcome.state, 'rejected')
})

test('several outcomes together are accepted when the last of them is', (t) => {
  const outcomes = [new PendingOutcome(), new PendingOutcome(), new PendingOutcome()]
  outcomes[1]?.settle(true)
  const told = watched(PendingOutcome.all(outcomes))
  outcomes[0]?.settle(true)
  t.deepEqual(told, [])
  outcomes[2]?.settle(true)
  t.deepEqual(told, ['accepted'])
})

test('several outcomes together are rejected as soon as one of them is', (t) => {
  const outcomes = [new PendingOutcome(), new PendingOutcome()]
  const told = watched(PendingOutcome.all(outcomes))
  outcomes[1]?.settle(false)
  t.deepEqual(told, ['rejected'])
  outcomes[0]?.settle(true)
  t.deepEqual(told, ['rejected'])
})
