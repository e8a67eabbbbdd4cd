import { setImmediate } from 'node:timers/promises'
import test from 'ava'
import { bind, declareExchange, declareQueue } from '../../src/server/declaring.ts'
import { publish } from '../../src/server/publishing.ts'
import { LateJournal } from '../amqp/late-journal.ts'
import { TestNode } from '../amqp/node.ts'

function late(): { journal: LateJournal; node: TestNode } {
  const journal = new LateJournal()
  return { journal, node: new TestNode({ journal }) }
}

/** Whether it has come to its end, once everything that was ready has run. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false
  promise.finally(() => {
    settled = true
  })
  await setImmediate()
  return settled
}

test('a publish resolves when the message is as safe as a confirm would say, and not before', async (t) => {
  const { journal, node } = late()
  declareQueue(node.vhost, 'q', {})
  declareExchange(node.vhost, 'later', 'x-delayed-message', { arguments: { 'x-delayed-type': 'fanout' } })
  bind(node.vhost, { source: 'amq.fanout', destination: 'q' })
  const properties = { deliveryMode: 2 }
  const first = publish(node.vhost, { routingKey: 'q', body: 'x', properties })
  const position = journal.appended
  const second = publish(node.vhost, { exchange: 'amq.fanout', properties })
  const delayed = publish(node.vhost, { exchange: 'later', headers: { 'x-delay': 1000 }, properties })
  t.is(node.vhost.queue('q', undefined).messageCount, 2)
  t.false(await isSettled(first))
  journal.complete(position)
  t.true(await isSettled(first))
  t.deepEqual(await first, { routed: true, rejected: false })
  t.false(await isSettled(second))
  journal.complete()
  t.deepEqual(await second, { routed: true, rejected: false })
  t.deepEqual(await delayed, { routed: true, rejected: false })
  t.is(journal.waiterCount, 0)
})

test('what nobody has to wait for resolves at once', async (t) => {
  const { journal, node } = late()
  declareQueue(node.vhost, 'q', {})
  declareQueue(node.vhost, 'full', { arguments: { 'x-max-length': 0, 'x-overflow': 'reject-publish' } })
  t.deepEqual(await publish(node.vhost, { routingKey: 'q' }), { routed: true, rejected: false })
  t.deepEqual(await publish(node.vhost, { routingKey: 'full' }), { routed: true, rejected: true })
  t.deepEqual(await publish(node.vhost, { routingKey: 'nowhere' }), { routed: false, rejected: false })
  await t.throwsAsync(publish(node.vhost, { routingKey: 'nowhere', mandatory: true }), { message: 'NO_ROUTE' })
  t.is(journal.waiterCount, 0)
})
