import { setImmediate } from 'node:timers/promises'
import test from 'ava'
import { PendingOutcome, type VirtualHost } from '../../src/broker/index.ts'
import {
  CHANNEL_CLOSE_OK,
  CONFIRM_SELECT_OK,
  encodeChannelClose,
  encodeConfirmSelect,
  encodeTxCommit,
  encodeTxSelect,
  fromObject,
  TX_COMMIT_OK,
  TX_SELECT_OK,
} from '../../src/codec/index.ts'
import { publish as publishFromOutside } from '../../src/server/publishing.ts'
import { LateJournal, openNode, publish, type TestClient, type TestNodeOptions, takeConfirms } from './harness.ts'
import { seeds } from './seeds.ts'

const persistent = { properties: { deliveryMode: 2 } }

/** What is published to amq.fanout goes out of the broker, too: somebody there says later what became of it. */
function watchOutside(vhost: VirtualHost): PendingOutcome[] {
  const outcomes: PendingOutcome[] = []
  const original = vhost.publish.bind(vhost)
  vhost.publish = (route, message) => {
    const result = original(route, message)
    if (route.exchange.name === 'amq.fanout') {
      result.pending = new PendingOutcome()
      outcomes.push(result.pending)
    }
    return result
  }
  return outcomes
}

function confirming(options: TestNodeOptions = {}) {
  const { node, client } = openNode(options)
  client.send(encodeConfirmSelect(1, {}))
  client.expect(CONFIRM_SELECT_OK)
  client.declareQueue(1, 'q', { durable: true })
  client.declareQueue(1, 'full', { arguments: fromObject({ 'x-max-length': 0, 'x-overflow': 'reject-publish' }) })
  return { node, client, outcomes: watchOutside(node.vhost) }
}

const inside = publish(1, { routingKey: 'q', ...persistent })
const outside = publish(1, { exchange: 'amq.fanout' })
const refused = publish(1, { routingKey: 'full' })

/** All that has come, such as `ack 3 true` when it is for those before, too. */
function confirms(client: TestClient): string[] {
  return client
    .transcript()
    .map((line) => line.replace(/^1 basic\.(n?ack) deliveryTag=(\d+) multiple=(true|false).*$/, '$1 $2 $3'))
}

test('a publish that waits for somebody outside does not hold up the confirms of those behind it', (t) => {
  const { node, client, outcomes } = confirming()
  client.send(inside, inside, outside, inside, inside)
  t.deepEqual(takeConfirms(client, 3), ['ack 2 multiple', 'ack 4', 'ack 5'])
  client.send(inside)
  t.deepEqual(takeConfirms(client, 1), ['ack 6'])
  outcomes[0]?.settle(true)
  node.settle()
  t.deepEqual(takeConfirms(client, 1), ['ack 3'])
  client.send(inside, inside)
  t.deepEqual(takeConfirms(client, 1), ['ack 8 multiple'])
  t.is(client.connection.channels.get(1)?.confirms?.outstanding, 0)
})

test('what somebody outside does not take is nacked', (t) => {
  const { node, client, outcomes } = confirming()
  client.send(outside, inside)
  t.deepEqual(takeConfirms(client, 1), ['ack 2'])
  outcomes[0]?.settle(false)
  node.settle()
  t.deepEqual(takeConfirms(client, 1), ['nack 1'])
})

test('what is known outside before the turn ends is confirmed with its neighbours', (t) => {
  const { node, client, outcomes } = confirming()
  client.receive(Buffer.concat([inside, outside, inside, outside, inside]))
  outcomes[0]?.settle(true)
  outcomes[1]?.settle(false)
  node.settle()
  t.deepEqual(takeConfirms(client, 3), ['ack 3 multiple', 'nack 4', 'ack 5'])
})

test('answers from outside are told in the order in which they come', (t) => {
  const { node, client, outcomes } = confirming()
  client.send(outside, outside, outside)
  client.expectNothing()
  for (const index of [2, 0, 1]) outcomes[index]?.settle(index !== 0)
  node.settle()
  t.deepEqual(takeConfirms(client, 3), ['ack 3', 'nack 1', 'ack 2'])
})

test('a publish that waits for the journal and for somebody outside waits for both', (t) => {
  const journal = new LateJournal()
  const { node, client, outcomes } = confirming({ journal })
  client.send(inside, outside, outside)
  outcomes[0]?.settle(true)
  node.settle()
  // The journal does not have the first, and confirms wait for it in publish order.
  client.expectNothing()
  journal.complete()
  node.settle()
  t.deepEqual(takeConfirms(client, 1), ['ack 2 multiple'])
  outcomes[1]?.settle(true)
  node.settle()
  t.deepEqual(takeConfirms(client, 1), ['ack 3'])
  t.is(journal.waiterCount, 0)
})

test('a message that a queue has refused does not wait for anybody outside', (t) => {
  const { client, outcomes } = confirming()
  client.send(refused, outside, refused, inside)
  t.deepEqual(takeConfirms(client, 3), ['nack 1', 'nack 3', 'ack 4'])
  t.is(outcomes.length, 1)
})

test('a channel that closes waits for nobody any more', (t) => {
  const { node, client, outcomes } = confirming()
  client.send(outside, inside)
  t.deepEqual(takeConfirms(client, 1), ['ack 2'])
  client.send(outside, encodeChannelClose(1, { replyCode: 200, replyText: 'bye' }))
  client.expect(CHANNEL_CLOSE_OK, 1)
  t.deepEqual(
    outcomes.map(({ waiter }) => waiter),
    [undefined, undefined],
  )
  for (const outcome of outcomes) outcome.settle(true)
  node.settle()
  client.expectNothing()
  client.openChannel(1)
  t.deepEqual(node.internalErrors, [])
})

test('a connection that breaks off waits for nobody any more', (t) => {
  const { node, client, outcomes } = confirming()
  client.send(outside)
  client.receive(outside)
  client.disconnect()
  t.deepEqual(
    outcomes.map(({ waiter }) => waiter),
    [undefined, undefined],
  )
  for (const outcome of outcomes) outcome.settle(false)
  node.settle()
  t.deepEqual(node.internalErrors, [])
})

test('thousands of publishes may wait, and are confirmed from the last to the first', (t) => {
  const { node, client, outcomes } = confirming()
  for (let i = 0; i < 50; i++) client.send(Buffer.concat(new Array<Buffer>(200).fill(outside)))
  t.is(client.connection.channels.get(1)?.confirms?.outstanding, 10_000)
  client.expectNothing()
  for (const outcome of [...outcomes].reverse()) outcome.settle(true)
  node.settle()
  const expected = Array.from({ length: 10_000 }, (_, index) => `ack ${10_000 - index}`)
  t.deepEqual(takeConfirms(client, 10_000), expected)
  t.is(client.connection.channels.get(1)?.confirms?.outstanding, 0)
})

test('whatever the order of journal and answers, each publish is confirmed once and as it ended', (t) => {
  seeds(t, 60, (random) => {
    const journal = new LateJournal()
    const { node, client, outcomes } = confirming({ journal })
    const confirmed = new Map<number, boolean>()
    let highest = 0
    const takeConfirms = (): void => {
      node.settle()
      for (const line of confirms(client)) {
        const [kind, tag, multiple] = line.split(' ')
        const last = Number(tag)
        const first = multiple === 'true' ? 1 : last
        for (let each = first; each <= last; each++) {
          const before = confirmed.get(each)
          if (before !== undefined && multiple !== 'true') throw new Error(`${each} is confirmed twice`)
          if (before === undefined) confirmed.set(each, kind === 'ack')
        }
      }
    }
    /** Undefined while it has to wait; by sequence number. */
    const ends: (() => boolean | undefined)[] = []
    const check = (): void => {
      takeConfirms()
      for (const [tag, accepted] of confirmed) {
        if (ends[tag - 1]?.() !== accepted) throw new Error(`${tag} is confirmed as ${accepted}`)
      }
    }
    for (let step = 0; step < 300; step++) {
      const choice = random.below(6)
      if (choice === 0) {
        client.receive(inside)
        const position = journal.appended
        ends.push(() => (journal.completed >= position ? true : undefined))
      } else if (choice === 1) {
        client.receive(refused)
        ends.push(() => false)
      } else if (choice <= 3) {
        client.receive(outside)
        const outcome = outcomes.at(-1) as PendingOutcome
        ends.push(() => (outcome.state === 'pending' ? undefined : outcome.state === 'accepted'))
      } else if (choice === 4) {
        random.pick([...outcomes, undefined])?.settle(random.below(2) === 0)
      } else {
        highest = Math.max(highest, journal.completed)
        if (journal.appended > highest) journal.complete(highest + 1 + random.below(journal.appended - highest))
      }
      if (random.below(3) === 0) check()
    }
    journal.complete()
    for (const outcome of outcomes) outcome.settle(random.below(2) === 0)
    check()
    if (confirmed.size !== ends.length) throw new Error(`${confirmed.size} of ${ends.length} are confirmed`)
  })
})

test('commit-ok waits for queues, not for somebody outside, and a refusal there undoes nothing', (t) => {
  const { node, client } = openNode()
  const outcomes = watchOutside(node.vhost)
  client.declareQueue(1, 'q')
  node.vhost.bind(node.vhost.exchange('amq.fanout'), node.vhost.queue('q', client.connection), '', fromObject({}))
  // Where such a message goes cannot be fixed before the commit.
  node.vhost.resolve = () => undefined
  client.send(encodeTxSelect(1), outside, encodeTxCommit(1))
  client.expect(TX_SELECT_OK)
  client.expect(TX_COMMIT_OK)
  outcomes[0]?.settle(false)
  node.settle()
  client.expectNothing()
  t.is(outcomes.length, 1)
  t.is(node.vhost.queues.get('q')?.messageCount, 1)
})

test('a publish of the embedding program waits for somebody outside, too', async (t) => {
  const { node } = openNode()
  const outcomes = watchOutside(node.vhost)
  const failed = new AbortController()
  const published = [1, 2, 3].map(() => publishFromOutside(node.vhost, { exchange: 'amq.fanout' }, failed.signal))
  const ended: number[] = []
  for (const [index, each] of published.entries()) each.finally(() => ended.push(index)).catch(() => {})
  await setImmediate()
  t.deepEqual(ended, [])
  outcomes[1]?.settle(true)
  outcomes[0]?.settle(false)
  t.false((await published[1])?.rejected)
  t.true((await published[0])?.rejected)
  t.deepEqual(ended.sort(), [0, 1])
  failed.abort(new Error('the disk is gone'))
  await t.throwsAsync(published[2] as Promise<unknown>, { message: 'the disk is gone' })
})
