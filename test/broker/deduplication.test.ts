import test from 'ava'
import { Deduplicator } from '../../src/broker/deduplication.ts'
import { fromObject, int, longstr } from '../../src/codec/index.ts'
import { messageOf, table } from './exchange/support.ts'

/** Asks about messages with the given keys; time is a number. */
function deduplicator(args: Record<string, unknown> = {}) {
  const made = Deduplicator.from(fromObject({ 'x-message-deduplication': true, ...args }))
  if (made === undefined) throw new Error('no deduplicator')
  return {
    made,
    seen: (key: unknown, now = 0, more: Record<string, unknown> = {}) =>
      made.isDuplicate(messageOf({ headers: { 'x-deduplication-header': key, ...more } }), now),
  }
}

test('a key seen before makes a duplicate', (t) => {
  const { seen } = deduplicator()
  t.false(seen('a'))
  t.true(seen('a'))
  t.true(seen('a'))
  t.false(seen('b'))
})

test('messages without the header are never duplicates', (t) => {
  const { made } = deduplicator()
  for (const message of [messageOf({}), messageOf({ headers: { other: 'a' } }), messageOf({ headers: {} })]) {
    t.false(made.isDuplicate(message, 0))
    t.false(made.isDuplicate(message, 0))
  }
  t.is(made.size, 0)
})

test('deduplication is only there when it is asked for with a true', (t) => {
  t.is(Deduplicator.from(table({})), undefined)
  t.is(Deduplicator.from(fromObject({ 'x-message-deduplication': false })), undefined)
  t.is(Deduplicator.from(table({ 'x-message-deduplication': longstr('true') })), undefined)
  t.is(Deduplicator.from(table({ 'x-cache-size': int(10) })), undefined)
})

test('x-deduplication-header names another header', (t) => {
  const { made } = deduplicator({ 'x-deduplication-header': 'id' })
  t.false(made.isDuplicate(messageOf({ headers: { id: 'a' } }), 0))
  t.true(made.isDuplicate(messageOf({ headers: { id: 'a' } }), 0))
  const usual = messageOf({ headers: { 'x-deduplication-header': 'a' } })
  t.false(made.isDuplicate(usual, 0))
  t.false(made.isDuplicate(usual, 0))
})

test('a key may be a value of any type, and types are told apart', (t) => {
  const { seen } = deduplicator()
  const keys = ['1', 1, true, 1.5, null, ['1'], { a: 1 }, new Date(1000)]
  for (const key of keys) t.false(seen(key), String(key))
  for (const key of keys) t.true(seen(key), String(key))
})

test('a full cache forgets its oldest key, 128 being the default', (t) => {
  for (const [args, size] of [
    [{}, 128],
    [{ 'x-cache-size': 3 }, 3],
    [{ 'x-cache-size': 1 }, 1],
  ] as const) {
    const { seen, made } = deduplicator(args)
    for (let key = 0; key < size; key++) t.false(seen(key))
    t.true(seen(0), 'still there when the cache is just full')
    t.false(seen('one more'))
    t.is(made.size, size)
    if (size > 1) t.true(seen(1))
    t.false(seen(0), 'the oldest was forgotten')
  }
})

test('a duplicate does not make its key younger', (t) => {
  const { seen } = deduplicator({ 'x-cache-size': 2 })
  seen('a')
  seen('b')
  t.true(seen('a'))
  seen('c')
  t.false(seen('a'))
})

test('a key is forgotten when its x-cache-ttl is over', (t) => {
  const { seen } = deduplicator({ 'x-cache-ttl': 1000 })
  t.false(seen('a', 0))
  t.true(seen('a', 999))
  t.false(seen('a', 1000))
  t.true(seen('a', 1999))
  t.false(seen('a', 2000))
})

test('a duplicate does not prolong the time of its key', (t) => {
  const { seen } = deduplicator({ 'x-cache-ttl': 1000 })
  seen('a', 0)
  t.true(seen('a', 900))
  t.false(seen('a', 1100))
})

test('without a ttl a key is remembered for good', (t) => {
  const { seen } = deduplicator()
  seen('a', 0)
  t.true(seen('a', Number.MAX_SAFE_INTEGER))
})

test('a header x-cache-ttl is the time of that message alone', (t) => {
  const { seen } = deduplicator({ 'x-cache-ttl': 1000 })
  t.false(seen('short', 0, { 'x-cache-ttl': 10 }))
  t.false(seen('long', 0, { 'x-cache-ttl': 5000 }))
  t.false(seen('usual', 0))
  t.false(seen('not a number', 0, { 'x-cache-ttl': 'x' }))
  t.false(seen('short', 10))
  t.true(seen('not a number', 999))
  t.false(seen('usual', 1000))
  t.true(seen('long', 4999))
  t.false(seen('long', 5000))
})

test('a ttl of zero remembers nothing', (t) => {
  const { seen } = deduplicator({ 'x-cache-ttl': 0 })
  t.false(seen('a', 5))
  t.false(seen('a', 5))
})

test('a key that came again after its time counts as young', (t) => {
  const { seen } = deduplicator({ 'x-cache-size': 2, 'x-cache-ttl': 100 })
  seen('a', 0)
  seen('b', 60)
  t.false(seen('a', 110))
  t.false(seen('c', 120), 'which forgets b')
  t.true(seen('a', 130))
  t.false(seen('b', 140))
})

test('long keys are told apart by their last byte', (t) => {
  const { seen } = deduplicator()
  const long = 'x'.repeat(100_000)
  t.false(seen(`${long}a`))
  t.false(seen(`${long}b`))
  t.true(seen(`${long}a`))
})
