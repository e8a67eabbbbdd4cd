import test from 'ava'
import { type Death, deadLetterMessage, isDeathCycle, routingKeysOf } from '../../src/broker/dead-letter.ts'
import { createExchangeTypes } from '../../src/broker/exchange/index.ts'
import type { Queue, Route } from '../../src/broker/index.ts'
import { Message, MessageMark } from '../../src/broker/message.ts'
import { VirtualHost } from '../../src/broker/virtual-host.ts'
import {
  encodeProperties,
  type FieldValue,
  fromObject,
  type Properties,
  PropertyView,
  type Table,
  toObject,
} from '../../src/codec/index.ts'
import { FakeHost, get, inChunk } from './queue/fakes.ts'

const NOW = 1_770_000_000_900

function death(changes: Partial<Death> = {}): Death {
  return { queue: 'q', reason: 'rejected', exchange: 'dlx', routingKey: undefined, now: NOW, ...changes }
}

function propertiesOf(message: Message): Properties {
  return message.properties(new PropertyView()).toObject()
}

function headersOf(message: Message): Table {
  return propertiesOf(message).headers as Table
}

function deathsOf(message: Message): Record<string, unknown>[] {
  return toObject(headersOf(message))['x-death'] as Record<string, unknown>[]
}

test('a dead letter tells queue, reason, time, exchange and keys, in RabbitMQ’s order and types', (t) => {
  const letter = deadLetterMessage(
    inChunk('body', { headers: fromObject({ a: 1 }), contentType: 'text/plain' }, 'orders', 'new'),
    death(),
  )
  t.is(letter.exchange, 'dlx')
  t.is(letter.routingKey, 'new')
  t.is(letter.body.toString(), 'body')
  t.true(letter.owned)
  t.is(propertiesOf(letter).contentType, 'text/plain')
  const headers = headersOf(letter)
  t.deepEqual(
    headers.entries.map(([name]) => name),
    [
      'a',
      'x-death',
      'x-first-death-exchange',
      'x-first-death-queue',
      'x-first-death-reason',
      'x-last-death-exchange',
      'x-last-death-queue',
      'x-last-death-reason',
    ],
  )
  const deaths = headers.get('x-death') as FieldValue & { type: 'A' }
  t.is(deaths.value.length, 1)
  const { entries } = (deaths.value[0] as FieldValue & { type: 'F' }).value
  t.deepEqual(
    entries.map(([name, value]) => `${name}:${value.type}`),
    ['count:l', 'reason:S', 'queue:S', 'time:T', 'exchange:S', 'routing-keys:A'],
  )
  t.like(deathsOf(letter)[0], {
    count: 1,
    reason: 'rejected',
    queue: 'q',
    exchange: 'orders',
    'routing-keys': ['new'],
  })
  t.deepEqual(entries[3]?.[1], { type: 'T', value: 1_770_000_000n })
  t.like(toObject(headers), {
    'x-first-death-exchange': 'orders',
    'x-first-death-queue': 'q',
    'x-first-death-reason': 'rejected',
    'x-last-death-exchange': 'orders',
    'x-last-death-queue': 'q',
    'x-last-death-reason': 'rejected',
  })
})

test('the routing key is replaced where the queue says so', (t) => {
  const letter = deadLetterMessage(inChunk('', {}, 'orders', 'new'), death({ routingKey: 'dead' }))
  t.is(letter.routingKey, 'dead')
  t.deepEqual(deathsOf(letter)[0]?.['routing-keys'], ['new'])
})

test('the expiration goes, so that it does not expire again, and is remembered', (t) => {
  const letter = deadLetterMessage(inChunk('', { expiration: '500', priority: 3 }), death({ reason: 'expired' }))
  t.is(propertiesOf(letter).expiration, undefined)
  t.is(propertiesOf(letter).priority, 3)
  t.is(deathsOf(letter)[0]?.['original-expiration'], '500')
})

test('the same death again is counted and comes to the front; the first time, exchange and keys stay', (t) => {
  const first = deadLetterMessage(inChunk('', {}, 'orders', 'new'), death({ reason: 'expired' }))
  const second = deadLetterMessage(first, death({ queue: 'other', exchange: 'back', now: NOW + 5000 }))
  const third = deadLetterMessage(second, death({ reason: 'expired', now: NOW + 9000 }))
  const deaths = deathsOf(third)
  t.is(deaths.length, 2)
  t.like(deaths[0], { queue: 'q', reason: 'expired', count: 2, exchange: 'orders', 'routing-keys': ['new'] })
  t.deepEqual(deaths[0]?.time, deathsOf(first)[0]?.time)
  t.like(deaths[1], { queue: 'other', reason: 'rejected', count: 1, exchange: 'dlx' })
  t.like(toObject(headersOf(third)), {
    'x-first-death-queue': 'q',
    'x-first-death-reason': 'expired',
    'x-first-death-exchange': 'orders',
    'x-last-death-queue': 'q',
    'x-last-death-reason': 'expired',
    'x-last-death-exchange': 'back',
  })
})

test('the same queue with another reason is another death', (t) => {
  const letter = deadLetterMessage(deadLetterMessage(inChunk(''), death()), death({ reason: 'maxlen' }))
  t.deepEqual(
    deathsOf(letter).map(({ reason, count }) => [reason, count]),
    [
      ['maxlen', 1],
      ['rejected', 1],
    ],
  )
})

test('an x-death that a client had sent is not believed', (t) => {
  const forged = deadLetterMessage(deadLetterMessage(inChunk(''), death()), death())
  t.is(deathsOf(forged)[0]?.count, 2)
  const published = inChunk('', propertiesOf(forged))
  t.false(isDeathCycle(published, 'q'))
  const letter = deadLetterMessage(published, death({ queue: 'other' }))
  t.deepEqual(
    deathsOf(letter).map(({ queue, count }) => [queue, count]),
    [['other', 1]],
  )
  t.is(toObject(headersOf(letter))['x-first-death-queue'], 'other')
})

test('the keys of CC are keys of the death; those of a replaced key are not', (t) => {
  const properties = { headers: fromObject({ CC: ['copy', 'second'] }) }
  const letter = deadLetterMessage(inChunk('', properties, 'x', 'key'), death())
  const view = new PropertyView()
  t.deepEqual(deathsOf(letter)[0]?.['routing-keys'], ['key', 'copy', 'second'])
  t.deepEqual(routingKeysOf(letter, view), ['key', 'copy', 'second'])
  const rekeyed = deadLetterMessage(letter, death({ routingKey: 'dead' }))
  t.deepEqual(toObject(headersOf(rekeyed)).CC, ['copy', 'second'], 'the header stays')
  t.deepEqual(routingKeysOf(rekeyed, view), ['dead'])
  const again = deadLetterMessage(rekeyed, death({ queue: 'other' }))
  t.deepEqual(deathsOf(again)[0]?.['routing-keys'], ['dead'])
})

test('a message that comes back to a queue where it died unrejected goes in a circle', (t) => {
  const expired = deadLetterMessage(inChunk(''), death({ reason: 'expired' }))
  t.true(isDeathCycle(expired, 'q'))
  t.false(isDeathCycle(expired, 'other'))
  const further = deadLetterMessage(expired, death({ queue: 'other', reason: 'maxlen' }))
  t.true(isDeathCycle(further, 'q'))
  t.true(isDeathCycle(further, 'other'))
})

test('a rejection breaks the circle, at or after the death in that queue', (t) => {
  const rejected = deadLetterMessage(inChunk(''), death({ reason: 'rejected' }))
  t.false(isDeathCycle(rejected, 'q'))
  const before = deadLetterMessage(rejected, death({ queue: 'other', reason: 'expired' }))
  t.true(isDeathCycle(before, 'other'), 'the rejection was earlier')
  t.false(isDeathCycle(before, 'q'))
  const after = deadLetterMessage(
    deadLetterMessage(inChunk(''), death({ reason: 'expired' })),
    death({ queue: 'other', reason: 'rejected' }),
  )
  t.false(isDeathCycle(after, 'q'))
})

test('headers that cannot be read do not stop a message from dying', (t) => {
  const message = inChunk('body', { headers: fromObject({ tenant: 'blue' }), messageId: 'm' })
  message.buffer[message.propertiesAt + 2 + 4 + 7] = 0
  const letter = deadLetterMessage(message, death())
  t.is(deathsOf(letter)[0]?.queue, 'q')
  t.is(propertiesOf(letter).messageId, 'm')
  message.marks = MessageMark.DEAD_LETTER
  t.false(isDeathCycle(message, 'q'))
})

test('strange values where the history should be are no history', (t) => {
  for (const headers of [{ 'x-death': 'text' }, { 'x-death': [1, 'two'] }, { CC: 5 }, { CC: [1, 'two'] }]) {
    const message = Message.of('x', 'k', encodeProperties({ headers: fromObject(headers) }), Buffer.from('a'))
    message.marks = MessageMark.DEAD_LETTER
    const letter = deadLetterMessage(message, death())
    t.is(deathsOf(letter).length, 1)
    t.false(isDeathCycle(message, 'q'))
  }
})

/** A vhost whose time the test owns. */
class Stage {
  readonly host = new FakeHost()
  readonly vhost = new VirtualHost('/', this.host.context, createExchangeTypes())

  declare(name: string, args: Record<string, unknown> = {}): Queue {
    const options = { durable: false, exclusive: false, autoDelete: false, serverNamed: false }
    return this.vhost.declareQueue({ name, ...options, arguments: fromObject(args) }, undefined)
  }

  publish(routingKey: string, body: string, properties: Properties = {}): void {
    const message = inChunk(body, properties, '', routingKey)
    const { exchangeAt } = message
    const route = this.vhost.findRoute(message.buffer, exchangeAt, exchangeAt + message.addressLength)
    this.vhost.publish(route as Route, message)
  }
}

test('a retry through a waiting queue goes round as often as it is rejected, and is counted', (t) => {
  const stage = new Stage()
  const work = stage.declare('work', { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'wait' })
  stage.declare('wait', {
    'x-dead-letter-exchange': '',
    'x-dead-letter-routing-key': 'work',
    'x-message-ttl': 1000,
  })
  stage.publish('work', 'job')
  for (let round = 1; round <= 5; round++) {
    work.reject(get(work)?.place as number)
    t.is(work.messageCount, 0)
    stage.host.advance(1000)
    const [message] = work.peek(1)
    t.deepEqual(
      deathsOf(message as Message).map(({ queue, reason, count }) => [queue, reason, count]),
      [
        ['wait', 'expired', round],
        ['work', 'rejected', round],
      ],
    )
  }
})

test('a message that only expires round and round is dropped', (t) => {
  const stage = new Stage()
  const circle = { 'x-dead-letter-exchange': '', 'x-message-ttl': 1000 }
  const a = stage.declare('a', { ...circle, 'x-dead-letter-routing-key': 'b' })
  const b = stage.declare('b', { ...circle, 'x-dead-letter-routing-key': 'a' })
  stage.publish('a', 'lost')
  stage.host.advance(1000)
  t.deepEqual([a.messageCount, b.messageCount], [0, 1])
  stage.host.advance(1000)
  t.deepEqual([a.messageCount, b.messageCount], [0, 0])
})

test('dead letters that keep their key go to the queues of CC too', (t) => {
  const stage = new Stage()
  const source = stage.declare('source', { 'x-dead-letter-exchange': 'dlx' })
  const copies = stage.declare('copies')
  stage.vhost.declareExchange({
    name: 'dlx',
    type: 'direct',
    durable: false,
    autoDelete: false,
    internal: false,
    arguments: fromObject({}),
  })
  stage.vhost.bind(stage.vhost.exchange('dlx'), copies, 'copy', fromObject({}))
  stage.publish('source', 'a', { headers: fromObject({ CC: ['copy'] }) })
  source.reject(get(source)?.place as number)
  t.is(copies.messageCount, 1)
  t.is(copies.peek(1)[0]?.exchange, 'dlx')
})

test('a missing dead-letter exchange drops the message', (t) => {
  const stage = new Stage()
  const source = stage.declare('source', { 'x-dead-letter-exchange': 'nowhere' })
  stage.publish('source', 'a')
  t.notThrows(() => source.reject(get(source)?.place as number))
  t.is(source.unackedCount, 0)
})

test('a message falls through a chain of full queues to the last, and tells of each', (t) => {
  const stage = new Stage()
  for (let i = 0; i < 100; i++) {
    stage.declare(`q${i}`, {
      'x-max-length': 0,
      'x-dead-letter-exchange': '',
      'x-dead-letter-routing-key': `q${i + 1}`,
    })
  }
  const last = stage.declare('q100')
  stage.publish('q0', 'a')
  const [message] = last.peek(1)
  t.is(message?.body.toString(), 'a')
  t.deepEqual(
    deathsOf(message as Message).map(({ queue }) => queue),
    Array.from({ length: 100 }, (_, i) => `q${99 - i}`),
  )
})
