import test from 'ava'
import { SyncPace } from '../../src/store/sync-pace.ts'

/** A disk that has taken so long for a while. @param batchBytes of each batch; @param pendingBytes that came meanwhile. */
function paceOf(syncMs: number, batchBytes: number, pendingBytes: number): SyncPace {
  const pace = new SyncPace()
  for (let sync = 0; sync < 50; sync++) pace.note(syncMs, batchBytes, pendingBytes)
  return pace
}

test('on a quick disk nothing is waited for', (t) => {
  t.is(paceOf(0.1, 50_000, 50_000).patienceMs(50_000), 0)
})

test('on a slow disk the next batch waits until those who were confirmed are back', (t) => {
  const pace = paceOf(2, 50_000, 50_000)
  t.true(pace.patienceMs(50_000) > 0)
  t.false(pace.hasEnough(50_000))
  t.true(pace.hasEnough(100_000))
  t.is(pace.patienceMs(100_000), 0)
})

test('who publishes one at a time is not waited for on a slow disk either', (t) => {
  t.is(paceOf(5, 200, 0).patienceMs(200), 0)
})

test('the wait is part of a sync, and never longer than 1 ms', (t) => {
  t.true(paceOf(0.6, 1000, 1000).patienceMs(1) <= 0.3)
  t.is(paceOf(50, 1000, 1000).patienceMs(1), 1)
})

test('one slow sync among quick ones does not make it wait', (t) => {
  const pace = paceOf(0.1, 1000, 1000)
  pace.note(1, 1000, 1000)
  t.is(pace.patienceMs(1), 0)
})
