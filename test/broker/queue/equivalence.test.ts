import test from 'ava'
import { checkQueueEquivalence, type Queue } from '../../../src/broker/queue/index.ts'
import { bool, type FieldValue, fromObject, int, long, longstr, Table } from '../../../src/codec/index.ts'
import { FakeHost } from './fakes.ts'

const LOCKED =
  "RESOURCE_LOCKED - cannot obtain exclusive access to locked queue 'q1' in vhost '/'. It could be originally declared on another connection or the exclusive property value does not match that of the original declaration."

function declare(
  queue: Queue,
  options: Partial<Record<'durable' | 'exclusive' | 'autoDelete', boolean>> & { args?: Table; owner?: object } = {},
): void {
  const { durable = false, exclusive = false, autoDelete = false, args = new Table(), owner = {} } = options
  checkQueueEquivalence(queue, durable, exclusive, autoDelete, args, owner)
}

function inequivalent(argument: string, received: string, current: string): object {
  return {
    code: 406,
    message: `PRECONDITION_FAILED - inequivalent arg '${argument}' for queue 'q1' in vhost '/': received ${received} but current is ${current}`,
  }
}

test('the same again is fine', (t) => {
  const args = { 'x-message-ttl': 1000, 'x-dead-letter-exchange': 'dlx', 'x-single-active-consumer': true }
  const queue = new FakeHost().queue('q1', args)
  t.notThrows(() => declare(queue, { args: fromObject(args) }))
})

test('another durability or auto-delete is refused', (t) => {
  const queue = new FakeHost().queue('q1')
  t.like(
    t.throws(() => declare(queue, { durable: true })),
    inequivalent('durable', "'true'", "'false'"),
  )
  t.like(
    t.throws(() => declare(queue, { autoDelete: true })),
    inequivalent('auto_delete', "'true'", "'false'"),
  )
})

test('exclusive has to be the same, and the owner too', (t) => {
  const host = new FakeHost()
  const owner = {}
  const mine = host.queue('q1', {}, { exclusiveOwner: owner })
  t.notThrows(() => declare(mine, { exclusive: true, owner }))
  t.notThrows(() => declare(mine, { exclusive: true, owner, durable: true }), 'durable means nothing then')
  for (const attempt of [{ exclusive: true }, { owner }, {}]) {
    t.like(
      t.throws(() => declare(mine, attempt)),
      { code: 405, message: LOCKED },
    )
  }
  t.like(
    t.throws(() => declare(host.queue('q1'), { exclusive: true, owner })),
    { code: 405, message: LOCKED },
  )
})

test('an argument with another value, one that is missing and one too many are refused', (t) => {
  const queue = new FakeHost().queue('q1', { 'x-message-ttl': 1000, 'x-overflow': 'drop-head' })
  const args = (...entries: [string, FieldValue][]) => ({ args: new Table(entries) })
  const same: [string, FieldValue] = ['x-message-ttl', int(1000)]
  const overflow: [string, FieldValue] = ['x-overflow', longstr('drop-head')]
  t.like(
    t.throws(() => declare(queue, args(['x-message-ttl', int(2000)], overflow))),
    inequivalent('x-message-ttl', "'2000'", "'1000'"),
  )
  t.like(
    t.throws(() => declare(queue, args(overflow))),
    inequivalent('x-message-ttl', 'none', "the value '1000' of type 'signedint'"),
  )
  t.like(
    t.throws(() => declare(queue, args(same, overflow, ['x-max-length', int(3)]))),
    inequivalent('x-max-length', "the value '3' of type 'signedint'", 'none'),
  )
  t.like(
    t.throws(() => declare(queue, args(same, ['x-overflow', longstr('reject-publish')]))),
    inequivalent('x-overflow', "'reject-publish'", "'drop-head'"),
  )
  t.like(
    t.throws(() => declare(queue, args(same, overflow, ['x-single-active-consumer', bool(true)]))),
    inequivalent('x-single-active-consumer', "the value 'true' of type 'bool'", 'none'),
  )
})

test('integers are the same in every width', (t) => {
  const queue = new FakeHost().queue('q1', { 'x-message-ttl': 1000 })
  t.notThrows(() => declare(queue, { args: new Table([['x-message-ttl', long(1000)]]) }))
})

test('arguments that its type does not know may differ', (t) => {
  const host = new FakeHost()
  t.notThrows(() => declare(host.queue('q1', { foo: 1 }), { args: fromObject({ foo: 2, bar: 'x' }) }))
  const quorum = host.queue('q1', { 'x-queue-type': 'quorum' })
  const args = fromObject({ 'x-queue-type': 'quorum', 'x-max-priority': 5 })
  t.notThrows(() => declare(quorum, { durable: true, args }))
})

test('the type classic is the same as none, and another type is refused', (t) => {
  const host = new FakeHost()
  t.notThrows(() => declare(host.queue('q1'), { args: fromObject({ 'x-queue-type': 'classic' }) }))
  t.notThrows(() => declare(host.queue('q1', { 'x-queue-type': 'classic' })))
  t.like(
    t.throws(() => declare(host.queue('q1'), { args: fromObject({ 'x-queue-type': 'quorum' }) })),
    inequivalent('x-queue-type', "'quorum'", "'classic'"),
  )
  t.like(
    t.throws(() => declare(host.queue('q1', { 'x-queue-type': 'quorum' }), { durable: true })),
    inequivalent('x-queue-type', "'classic'", "'quorum'"),
  )
})
