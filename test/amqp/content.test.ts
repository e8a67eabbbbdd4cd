import test from 'ava'
import {
  BASIC_CONSUME_OK,
  BASIC_GET_OK,
  encodeBasicConsume,
  encodeBasicGet,
  encodeBasicPublish,
  encodeBody,
  encodeChannelCloseOk,
  encodeChannelOpen,
  encodeContentHeader,
  encodeProperties,
  fromObject,
  type Properties,
  toObject,
} from '../../src/codec/index.ts'
import { openClient, openNode, publish, TestNode } from './harness.ts'
import { Random } from './random.ts'

const NO_PROPERTIES = encodeProperties({})

const ALL_PROPERTIES: Properties = {
  contentType: 'text/plain',
  contentEncoding: 'utf-8',
  headers: fromObject({ text: 'ä', flag: true, n: 5, list: [1, 'two'], nested: { a: null } }),
  deliveryMode: 2,
  priority: 3,
  correlationId: 'c1',
  replyTo: 'r1',
  expiration: '60000',
  messageId: 'm1',
  timestamp: 1_700_000_000,
  type: 't1',
  userId: 'guest',
  appId: 'a1',
  clusterId: 'cl',
}

for (const publisherMax of [4096, 131072]) {
  for (const consumerMax of [4096, 131072]) {
    test(`bodies of every size come through from frame-max ${publisherMax} to ${consumerMax}`, (t) => {
      const node = new TestNode()
      const publisher = openClient(node, { tune: { frameMax: publisherMax } })
      const consumer = openClient(node, { tune: { frameMax: consumerMax } })
      publisher.declareQueue(1, 'q')
      consumer.send(encodeBasicConsume(1, { queue: 'q', noAck: true }))
      consumer.expect(BASIC_CONSUME_OK)
      const random = new Random(1)
      for (const size of [0, 1, 4087, 4088, 4089, 8176, 8177, 32_700, 65_536, 131_064, 131_065, 500_000]) {
        const body = random.bytes(size)
        publisher.send(publish(1, { routingKey: 'q', body, frameMax: publisherMax, properties: ALL_PROPERTIES }))
        const delivery = consumer.expectDelivery()
        t.true(delivery.body.equals(body), `${size} bytes`)
        t.deepEqual(delivery.properties, ALL_PROPERTIES)
        publisher.send(publish(1, { routingKey: 'gone', body, frameMax: publisherMax, mandatory: true }))
        t.true(publisher.expectReturn().body.equals(body), `${size} bytes returned`)
      }
    })

    test(`stored bodies of every size come out of the queue the same (${publisherMax} to ${consumerMax})`, (t) => {
      const node = new TestNode()
      const publisher = openClient(node, { tune: { frameMax: publisherMax } })
      const consumer = openClient(node, { tune: { frameMax: consumerMax } })
      publisher.declareQueue(1, 'q')
      const random = new Random(2)
      const bodies = [0, 1, 4088, 4089, 40_000, 200_000].map((size) => random.bytes(size))
      for (const body of bodies) {
        publisher.send(publish(1, { routingKey: 'q', body, frameMax: publisherMax, properties: ALL_PROPERTIES }))
      }
      for (const body of bodies) {
        consumer.send(encodeBasicGet(1, { queue: 'q', noAck: random.below(2) === 0 }))
        const got = consumer.expectGetOk()
        t.true(got.body.equals(body))
        t.deepEqual(got.properties, ALL_PROPERTIES)
      }
    })
  }
}

test('a receiver takes any cut of a body into frames, empty ones included', (t) => {
  const seed = Math.floor(Math.random() * 2 ** 31)
  t.log(`seed ${seed}`)
  const random = new Random(seed)
  const { client } = openNode()
  client.declareQueue(1, 'q')
  for (let round = 0; round < 50; round++) {
    const body = random.bytes(random.below(3000))
    const frames = [encodeBasicPublish(1, { routingKey: 'q' }), encodeContentHeader(1, body.length, NO_PROPERTIES)]
    for (let at = 0; at < body.length; ) {
      const length = random.below(random.pick([2, 50, 2000]))
      const piece = body.subarray(at, at + length)
      frames.push(piece.length === 0 ? Buffer.from('03000100000000ce', 'hex') : encodeBody(1, piece, 0))
      at += length
    }
    for (const piece of random.split(Buffer.concat(frames))) client.receive(piece)
    client.send(encodeBasicGet(1, { queue: 'q', noAck: true }))
    t.true(client.expectGetOk().body.equals(body))
  }
})

test('a body of exactly the largest size is taken, one byte more is 406 after it was read', (t) => {
  for (const pieces of [1, 7]) {
    const { node, client } = openNode({ maxMessageSize: 1000 })
    client.openChannel(2)
    client.declareQueue(1, 'q')
    client.send(publish(1, { routingKey: 'q', body: Buffer.alloc(1000) }))
    t.is(client.declareQueue(1, 'q').messageCount, 1)
    const large = publish(1, { routingKey: 'q', body: Buffer.alloc(1001) })
    for (let piece = 0; piece < pieces - 1; piece++) {
      client.send(large.subarray(piece * 100, piece * 100 + 100))
      client.expectNothing()
    }
    client.send(large.subarray((pieces - 1) * 100))
    t.is(
      client.expectChannelClose(1),
      '406 PRECONDITION_FAILED - message size 1001 is larger than configured max size 1000 (60,40)',
    )
    t.is(client.declareQueue(2, 'q').messageCount, 1)
    client.send(
      encodeChannelCloseOk(1),
      encodeChannelOpen(1),
      publish(1, { routingKey: 'q', body: Buffer.alloc(1000) }),
    )
    t.is(client.transcript().length, 1)
    t.is(client.declareQueue(2, 'q').messageCount, 2)
    node.vhost.clear()
    client.disconnect()
    t.is(node.memory.used, 0)
  }
})

test('a body over the largest size is not kept while it is read', (t) => {
  const { node, client } = openNode({ maxMessageSize: 1000 })
  client.send(
    encodeBasicPublish(1, { routingKey: 'q' }),
    encodeContentHeader(1, 100_000_000, NO_PROPERTIES),
    encodeBody(1, Buffer.alloc(200_000), 131072),
  )
  t.true(node.memory.used < 2000)
  client.disconnect()
  t.is(node.memory.used, 0)
})

test('a promised body costs nothing before it comes', (t) => {
  const { node, client } = openNode({ maxMessageSize: 512 * 1024 * 1024 })
  client.send(encodeBasicPublish(1, { routingKey: 'q' }), encodeContentHeader(1, 512 * 1024 * 1024, NO_PROPERTIES))
  t.true(node.memory.used < 10_000)
  client.send(encodeBody(1, Buffer.alloc(100_000), 131072))
  t.true(node.memory.used >= 100_000 && node.memory.used < 300_000)
  client.disconnect()
  t.is(node.memory.used, 0)
})

test('a body under way counts as memory until its channel goes, whichever way', (t) => {
  for (const end of ['disconnect', 'error', 'other channel'] as const) {
    const { node, client } = openNode()
    client.send(
      encodeBasicPublish(1, { routingKey: 'q' }),
      encodeContentHeader(1, 200_000, NO_PROPERTIES),
      encodeBody(1, Buffer.alloc(100_000), 131072),
    )
    t.true(node.memory.used >= 100_000)
    if (end === 'disconnect') client.disconnect()
    else client.send(end === 'error' ? encodeChannelOpen(1) : encodeChannelOpen(0))
    t.is(node.memory.used, 0, end)
  }
})

test('a message that is refused at its end leaves nothing behind', (t) => {
  const { node, client } = openNode()
  const cases: [object, RegExp][] = [
    [{ exchange: 'nosuch' }, /^404 NOT_FOUND - no exchange 'nosuch' in vhost '\/' \(60,40\)$/],
    [
      { properties: { expiration: '-1' } },
      /^406 PRECONDITION_FAILED - invalid expiration '-1': \{value_negative,-1\} \(60,40\)$/,
    ],
    [{ properties: { userId: 'bob' } }, /^406 .* user_id property set to 'bob' but authenticated user was 'guest'/],
    [{ properties: { replyTo: 'amq.rabbitmq.reply-to' } }, /^406 .* fast reply consumer does not exist \(60,40\)$/],
    [
      { properties: { headers: fromObject({ CC: 'q' }) } },
      /^406 .* invalid message: \{unacceptable_type_in_header,"CC",longstr\} \(60,40\)$/,
    ],
    [
      { properties: { headers: fromObject({ BCC: true }) } },
      /^406 .* invalid message: \{unacceptable_type_in_header,"BCC",bool\} \(60,40\)$/,
    ],
    [{ exchange: 'amq.rabbitmq.trace' }, /^403 .* cannot publish to internal exchange 'amq.rabbitmq.trace' in vhost/],
  ]
  for (const [options, close] of cases) {
    for (const cut of [false, true]) {
      const frames = publish(1, { body: Buffer.alloc(5000), ...options })
      if (cut) client.send(frames.subarray(0, 3000))
      client.send(cut ? frames.subarray(3000) : frames)
      t.regex(client.expectChannelClose(1), close)
      client.send(encodeChannelCloseOk(1), encodeChannelOpen(1))
      t.is(client.transcript().length, 1)
      t.is(node.memory.used, 0)
    }
  }
})

for (const [expiration, reason] of [
  ['abc', 'no_integer'],
  ['', 'no_integer'],
  [' 10', 'no_integer'],
  ['-1', '{value_negative,-1}'],
  ['1.5', '{leftover_string,".5"}'],
  ['315360000001', '{value_too_large,315360000001}'],
  ['+', 'no_integer'],
  ['-', 'no_integer'],
  ['+-1', 'no_integer'],
  ['-0x', '{leftover_string,"x"}'],
  ['-0000000000000000001', '{value_negative,-1}'],
  ['+0000000315360000001', '{value_too_large,315360000001}'],
  [`-${'9'.repeat(30)}`, `{value_negative,-${'9'.repeat(30)}}`],
  ['9'.repeat(60), `{value_too_large,${'9'.repeat(60)}}`],
] as const) {
  test(`the expiration ${JSON.stringify(expiration)} is refused with ${reason}`, (t) => {
    const { client } = openNode()
    client.send(publish(1, { routingKey: 'q', properties: { expiration } }))
    t.is(
      client.expectChannelClose(1),
      `406 PRECONDITION_FAILED - invalid expiration '${expiration}': ${reason} (60,40)`,
    )
  })
}

test('an expiration of up to ten years is fine', (t) => {
  const { client } = openNode()
  client.declareQueue(1, 'q')
  for (const expiration of ['0', '99999999999', '315360000000']) {
    client.send(publish(1, { routingKey: 'q', properties: { expiration } }))
  }
  t.is(client.declareQueue(1, 'q').messageCount, 2)
})

for (const [expiration, ms] of [
  ['-0', 0],
  ['+0', 0],
  ['-00000000000000000000', 0],
  ['00000000000000000005', 5],
  ['+00000000000000000005', 5],
  [`${'0'.repeat(60)}7`, 7],
] as const) {
  test(`a message with the expiration ${expiration} is taken, and expires after ${ms} ms`, (t) => {
    const { node, client } = openNode()
    client.declareQueue(1, 'q')
    client.send(publish(1, { routingKey: 'q', properties: { expiration } }))
    if (ms > 0) {
      node.advance(ms - 1)
      t.is(client.declareQueue(1, 'q').messageCount, 1)
      node.advance(1)
    }
    t.is(client.declareQueue(1, 'q').messageCount, 0)
    client.expectNothing()
  })
}

test('whoever may impersonate may set any user-id', (t) => {
  const node = new TestNode()
  node.users.add('guest', 'guest', ['impersonator'])
  const client = openClient(node)
  client.declareQueue(1, 'q')
  client.send(publish(1, { routingKey: 'q', properties: { userId: 'bob' } }))
  t.is(client.declareQueue(1, 'q').messageCount, 1)
})

test('a property flags word that announces another one is taken, as RabbitMQ does', (t) => {
  const { client } = openNode()
  client.declareQueue(1, 'q')
  client.send(encodeBasicPublish(1, { routingKey: 'q' }), encodeContentHeader(1, 0, Buffer.from([0, 1])))
  client.send(encodeBasicGet(1, { queue: 'q', noAck: true }))
  client.expect(BASIC_GET_OK)
  t.is(client.connection.state, 'running')
})

test('write permission is asked for each exchange, and again when it changes', (t) => {
  const node = new TestNode()
  node.users.setPermissions('guest', '/', { configure: '.*', write: '^(amq\\.default|amq\\.fanout)$', read: '.*' })
  const client = openClient(node)
  client.declareQueue(1, 'q')
  client.send(publish(1, { exchange: 'amq.fanout' }), publish(1, { routingKey: 'q' }))
  client.expectNothing()
  client.send(publish(1, { exchange: 'amq.topic', routingKey: 'a' }))
  t.is(
    client.expectChannelClose(1),
    "403 ACCESS_REFUSED - write access to exchange 'amq.topic' in vhost '/' refused for user 'guest' (60,40)",
  )
  client.openChannel(2)
  client.send(publish(2, { routingKey: 'q' }))
  client.expectNothing()
  node.users.setPermissions('guest', '/', { configure: '.*', write: '', read: '.*' })
  client.send(publish(2, { routingKey: 'q' }))
  t.is(
    client.expectChannelClose(2),
    "403 ACCESS_REFUSED - write access to exchange 'amq.default' in vhost '/' refused for user 'guest' (60,40)",
  )
})

test('topic permissions are asked with the routing key', (t) => {
  const node = new TestNode()
  node.users.setTopicPermissions('guest', '/', 'amq.topic', { write: '^ok\\.', read: '.*' })
  const client = openClient(node)
  client.send(publish(1, { exchange: 'amq.topic', routingKey: 'ok.a' }), publish(1, { exchange: 'amq.direct' }))
  client.expectNothing()
  client.send(publish(1, { exchange: 'amq.topic', routingKey: 'bad.k' }))
  t.is(
    client.expectChannelClose(1),
    "403 ACCESS_REFUSED - write access to topic 'bad.k' in exchange 'amq.topic' in vhost '/' refused for user 'guest' (60,40)",
  )
})

test('BCC is removed from what is stored, CC is kept, and every copy shows the first routing key', (t) => {
  const { client } = openNode()
  for (const queue of ['q1', 'q2', 'q3']) client.declareQueue(1, queue)
  const headers = fromObject({ CC: ['q2', 'q1'], BCC: ['q3'], other: 1 })
  client.send(publish(1, { routingKey: 'q1', body: 'x', properties: { headers, messageId: 'm' } }))
  for (const queue of ['q1', 'q2', 'q3']) {
    client.send(encodeBasicGet(1, { queue, noAck: true }))
    const got = client.expectGetOk()
    t.like(got.fields, { routingKey: 'q1', exchange: '', messageCount: 0 })
    t.deepEqual(toObject(got.properties.headers ?? fromObject({})), { CC: ['q2', 'q1'], other: 1 })
    t.is(got.properties.messageId, 'm')
  }
})
