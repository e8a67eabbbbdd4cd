import test from 'ava'
import {
  BASIC_CONSUME_OK,
  CHANNEL_OPEN_OK,
  CONNECTION_CLOSE,
  CONNECTION_CLOSE_OK,
  CONNECTION_OPEN_OK,
  CONNECTION_SECURE,
  CONNECTION_START,
  CONNECTION_TUNE,
  encodeBasicConsume,
  encodeBody,
  encodeChannelOpen,
  encodeConnectionClose,
  encodeConnectionCloseOk,
  encodeConnectionOpen,
  encodeConnectionSecureOk,
  encodeConnectionStartOk,
  encodeConnectionTuneOk,
  encodeExchangeDeclare,
  encodeQueueDeclare,
  HEARTBEAT_FRAME,
  longstr,
  PROTOCOL_HEADER,
  QUEUE_DECLARE_OK,
  Table,
  toObject,
} from '../../src/codec/index.ts'
import { ALL_CAPABILITIES, LOCAL_PEER, openNode, publish, startOk, TestClient, TestNode } from './harness.ts'

function started(node = new TestNode()): TestClient {
  const client = new TestClient(node)
  client.send(PROTOCOL_HEADER)
  client.expect(CONNECTION_START)
  return client
}

function tuning(node = new TestNode()): TestClient {
  const client = started(node)
  client.send(startOk())
  client.expect(CONNECTION_TUNE)
  return client
}

const header = (...bytes: number[]): Buffer => Buffer.concat([Buffer.from('AMQP'), Buffer.from(bytes)])

test('the protocol header of 0-9-1 is answered with connection.start 0-9', (t) => {
  const client = new TestClient(new TestNode())
  client.send(PROTOCOL_HEADER)
  const start = client.expect(CONNECTION_START, 0)
  t.is(start.versionMajor, 0)
  t.is(start.versionMinor, 9)
  t.is(start.mechanisms.toString(), 'PLAIN AMQPLAIN')
  t.is(start.locales.toString(), 'en_US')
  const properties = toObject(start.serverProperties)
  t.is(properties.product, 'RabbitMQ')
  t.is(properties.version, '3.13.7')
  t.deepEqual(properties.capabilities, {
    publisher_confirms: true,
    exchange_exchange_bindings: true,
    'basic.nack': true,
    consumer_cancel_notify: true,
    'connection.blocked': true,
    consumer_priorities: true,
    authentication_failure_close: true,
    per_consumer_qos: true,
    direct_reply_to: true,
  })
})

test('the header of old 0-9 clients is answered like the right one', (t) => {
  const client = new TestClient(new TestNode())
  client.send(header(1, 1, 0, 9))
  client.expect(CONNECTION_START)
  t.false(client.transport.ended)
})

for (const [name, bytes] of Object.entries({
  '0-8': header(1, 1, 8, 0),
  '0-9-0': header(0, 0, 9, 0),
  '0-10': header(0, 0, 10, 0),
  'AMQP 1.0 with SASL': header(3, 1, 0, 0),
  'AMQP 1.0 without SASL': header(0, 1, 0, 0),
  'plain noise': Buffer.from('XXXXXXXX'),
  'an HTTP request': Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'),
  'a TLS hello': Buffer.from('16030101fa010001f60303', 'hex'),
})) {
  test(`${name} instead of the protocol header is answered with AMQP 0 0 9 1, and the socket ends`, (t) => {
    for (const pieces of [[bytes], [...bytes].map((byte) => Buffer.of(byte))]) {
      const node = new TestNode()
      const client = new TestClient(node)
      for (const piece of pieces) client.send(piece)
      t.deepEqual(client.transport.take(), PROTOCOL_HEADER)
      t.true(client.transport.ended)
      t.is(node.timers.size, 0)
      t.is(node.amqp.connections.size, 0)
      const why =
        name === 'a TLS hello' ? 'it began with a TLS handshake, which has a port of its own' : 'it began with "'
      t.truthy(node.log.find(`does not speak AMQP 0-9-1 (${why}`))
    }
  })
}

test('PLAIN and AMQPLAIN both let the right password in', (t) => {
  const plain = tuning()
  t.is(plain.connection.user?.name, 'guest')
  t.is(plain.connection.mechanism, 'PLAIN')

  const amqplain = started()
  const login = new Table().set('LOGIN', longstr('guest')).set('PASSWORD', longstr('guest'))
  amqplain.send(startOk({}, { mechanism: 'AMQPLAIN', response: inside(login) }))
  amqplain.expect(CONNECTION_TUNE)
  t.is(amqplain.connection.user?.name, 'guest')
})

test('tune proposes channel-max, frame-max and heartbeat of the settings', (t) => {
  const client = started(new TestNode({ channelMax: 7, frameMax: 8192, heartbeatSeconds: 13 }))
  client.send(startOk())
  t.like(client.expect(CONNECTION_TUNE), { channelMax: 7, frameMax: 8192, heartbeat: 13 })
})

test('a wrong password closes with 403 at once when the client can read that', (t) => {
  const client = started()
  client.send(startOk({ password: 'wrong' }))
  t.is(
    client.expectConnectionClose(),
    '403 ACCESS_REFUSED - Login was refused using authentication mechanism PLAIN. For details see the broker logfile. (0,0)',
  )
  t.true(client.transport.ended)
})

test('a wrong password without the capability is met with three seconds of silence, then the socket is dropped', (t) => {
  const node = new TestNode()
  const client = started(node)
  client.send(startOk({ password: 'wrong', capabilities: {} }))
  client.send(encodeConnectionTuneOk(0, {}), encodeConnectionOpen(0, {}))
  node.advance(2999)
  client.expectNothing()
  t.false(client.transport.destroyed)
  node.advance(1)
  client.expectNothing()
  t.true(client.transport.destroyed)
  client.disconnect()
  t.is(node.timers.size, 0)
})

test('a client that leaves while its refusal is pending leaves no timer behind', (t) => {
  const node = new TestNode()
  const client = started(node)
  client.send(startOk({ password: 'wrong', capabilities: {} }))
  client.disconnect()
  t.is(node.timers.size, 0)
})

test('the default user is refused from another host like a wrong password', (t) => {
  const node = new TestNode()
  const client = new TestClient(node, { ...LOCAL_PEER, address: '192.0.2.7', loopback: false })
  client.send(PROTOCOL_HEADER)
  client.expect(CONNECTION_START)
  client.send(startOk())
  t.regex(client.expectConnectionClose(), /^403 ACCESS_REFUSED - Login was refused using .* PLAIN/)
})

test('an unknown mechanism is told so before the socket is closed', (t) => {
  const client = started()
  client.send(startOk({}, { mechanism: 'EXTERNAL' }))
  t.regex(client.expectConnectionClose(), /^503 COMMAND_INVALID - unknown authentication mechanism 'EXTERNAL'/)
  t.true(client.transport.ended)
})

for (const response of ['', 'guest', '\0guest', '\0guest\0guest\0', 'a\0b\0c\0d']) {
  test(`the PLAIN response ${JSON.stringify(response)} is malformed, and the close says why`, (t) => {
    const client = started()
    client.send(startOk({}, { response: Buffer.from(response) }))
    t.regex(client.expectConnectionClose(), /^502 SYNTAX_ERROR - a PLAIN response has two NUL octets/)
    t.true(client.transport.ended)
  })
}

test('a mechanism may ask back with connection.secure', (t) => {
  const node = new TestNode()
  const mechanisms = node.amqp.settings.mechanisms as Map<string, unknown>
  mechanisms.set('ASK', {
    name: 'ASK',
    start: () => ({
      step: (response: Buffer) =>
        response.toString() === 'hello'
          ? { kind: 'challenge', challenge: Buffer.from('who?') }
          : { kind: 'authenticated', user: node.users.find('guest') },
    }),
  })
  const client = started(node)
  client.send(startOk({}, { mechanism: 'ASK', response: Buffer.from('hello') }))
  t.is(client.expect(CONNECTION_SECURE).challenge.toString(), 'who?')
  t.is(client.connection.state, 'securing')
  client.send(encodeConnectionSecureOk(0, { response: Buffer.from('me') }))
  client.expect(CONNECTION_TUNE)
  t.is(client.connection.user?.name, 'guest')
})

for (const [outcome, expected] of [
  ['authenticated', 'tune'],
  ['refused', 'close'],
  ['failed', 'close'],
] as const) {
  test(`a mechanism that answers later may have ${outcome} the client`, async (t) => {
    const node = new TestNode()
    const user = node.users.find('guest')
    const answer = { kind: outcome, user, username: 'guest' }
    const mechanisms = node.amqp.settings.mechanisms as Map<string, unknown>
    mechanisms.set('LATER', {
      name: 'LATER',
      start: () => ({
        step: () => (outcome === 'failed' ? Promise.reject(new Error('no backend')) : Promise.resolve(answer)),
      }),
    })
    const client = started(node)
    client.send(startOk({}, { mechanism: 'LATER' }))
    client.expectNothing()
    await Promise.resolve()
    await Promise.resolve()
    node.settle()
    if (expected === 'tune') client.expect(CONNECTION_TUNE)
    else t.regex(client.expectConnectionClose(), /^403 /)
    t.pass()
  })
}

test('an answer that comes after the client has gone is ignored', async (t) => {
  const node = new TestNode()
  const mechanisms = node.amqp.settings.mechanisms as Map<string, unknown>
  mechanisms.set('LATER', {
    name: 'LATER',
    start: () => ({ step: () => Promise.resolve({ kind: 'authenticated', user: node.users.find('guest') }) }),
  })
  const client = started(node)
  client.send(startOk({}, { mechanism: 'LATER' }))
  client.disconnect()
  await Promise.resolve()
  await Promise.resolve()
  node.settle()
  t.is(client.connection.state, 'closed')
  t.is(client.transport.lateWrites, 0)
  t.is(node.timers.size, 0)
})

for (const [what, tune, expected] of [
  ['all of the proposal', { channelMax: 2047, frameMax: 131072 }, { channelMax: 2047, frameMax: 131072 }],
  ['the smallest frame', { channelMax: 1, frameMax: 4096 }, { channelMax: 1, frameMax: 4096 }],
  ['no limits, which means our own', { channelMax: 0, frameMax: 0 }, { channelMax: 2047, frameMax: 131072 }],
] as const) {
  test(`tune-ok may take ${what}`, (t) => {
    const client = tuning()
    client.send(encodeConnectionTuneOk(0, { ...tune, heartbeat: 0 }), encodeConnectionOpen(0, {}))
    client.expect(CONNECTION_OPEN_OK)
    t.like(client.connection, expected)
    t.is(client.connection.state, 'running')
  })
}

for (const [what, tune, text] of [
  ['a smaller frame-max than the protocol has', { frameMax: 4095 }, /frame_max = 4095 is lower .* \(4096\) \(0,0\)$/],
  ['a larger frame-max than proposed', { frameMax: 131073 }, /frame_max = 131073 is higher .* \(131072\) \(0,0\)$/],
  ['a larger channel-max than proposed', { channelMax: 2048 }, /channel_max = 2048 is higher .* \(2047\) \(0,0\)$/],
] as const) {
  test(`tune-ok with ${what} is refused in words`, (t) => {
    const client = tuning()
    client.send(encodeConnectionTuneOk(0, { channelMax: 2047, frameMax: 131072, ...tune }), encodeConnectionOpen(0, {}))
    const close = client.expectConnectionClose()
    t.regex(close, /^530 NOT_ALLOWED - negotiated /)
    t.regex(close, text)
    client.expectNothing()
    t.true(client.transport.ended)
  })
}

test('a start-ok with large client properties fits before tune', (t) => {
  const client = started()
  const large = new Table().set('token', longstr('x'.repeat(8000)))
  client.send(startOk({}, { clientProperties: large }))
  client.expect(CONNECTION_TUNE)
  t.pass()
})

test('a frame over 8192 bytes before tune is refused before it is read', (t) => {
  const client = started()
  client.send(Buffer.from('01000000002001', 'hex'))
  t.regex(client.expectConnectionClose(), /^501 FRAME_ERROR - type 1, all octets = <<>>: \{frame_too_large,8193,8184\}/)
  t.true(client.transport.ended)
})

test('an unknown vhost is 530', (t) => {
  const client = tuning()
  client.send(encodeConnectionTuneOk(0, {}), encodeConnectionOpen(0, { virtualHost: 'nosuch' }))
  t.is(client.expectConnectionClose(), '530 NOT_ALLOWED - vhost nosuch not found (10,40)')
})

test('a vhost that the user may not enter is 530', (t) => {
  const node = new TestNode()
  node.virtualHosts.add('v1')
  const client = tuning(node)
  client.send(encodeConnectionTuneOk(0, {}), encodeConnectionOpen(0, { virtualHost: 'v1' }))
  t.is(client.expectConnectionClose(), "530 NOT_ALLOWED - access to vhost 'v1' refused for user 'guest' (10,40)")
})

test('a refused opening ends the connection and leaves nothing behind', (t) => {
  const node = new TestNode()
  const client = tuning(node)
  client.send(encodeConnectionTuneOk(0, {}), encodeConnectionOpen(0, { virtualHost: 'nosuch' }))
  client.expect(CONNECTION_CLOSE)
  client.send(encodeConnectionCloseOk(0))
  client.disconnect()
  t.is(node.timers.size, 0)
  t.is(node.amqp.connections.size, 0)
})

for (const [state, frame] of [
  ['starting', encodeConnectionTuneOk(0, {})],
  ['starting', encodeConnectionOpen(0, {})],
  ['starting', encodeQueueDeclare(0, { queue: 'q' })],
  ['tuning', encodeConnectionOpen(0, {})],
  ['tuning', startOk()],
  ['opening', encodeConnectionTuneOk(0, {})],
  ['running', encodeConnectionOpen(0, {})],
  ['running', startOk()],
  ['running', encodeExchangeDeclare(0, { exchange: 'x' })],
  ['running', encodeChannelOpen(0)],
] as const) {
  test(`an unexpected method on channel 0 while ${state} is 504 (${frame.subarray(7, 11).toString('hex')})`, (t) => {
    const node = new TestNode()
    const client =
      state === 'starting' ? started(node) : state === 'running' ? new TestClient(node).handshake() : tuning(node)
    if (state === 'opening') client.send(encodeConnectionTuneOk(0, {}))
    t.is(client.connection.state, state)
    client.send(frame)
    const classId = frame.readUInt16BE(7)
    const methodId = frame.readUInt16BE(9)
    t.is(
      client.expectConnectionClose(),
      `504 CHANNEL_ERROR - unexpected method in connection state ${state} (${classId},${methodId})`,
    )
  })
}

for (const [what, frame] of [
  ['a method', encodeChannelOpen(1)],
  ['a publish', publish(1, { body: 'x' })],
  ['a body', encodeBody(1, Buffer.from('x'), 4096)],
] as const) {
  test(`${what} on a channel before open-ok is 505`, (t) => {
    for (const client of [started(), tuning()]) {
      client.send(frame)
      t.regex(client.expectConnectionClose(), /^505 UNEXPECTED_FRAME - /)
      t.true(client.transport.ended)
    }
  })
}

test('heartbeats before tune are ignored', (t) => {
  const client = started()
  client.send(HEARTBEAT_FRAME, HEARTBEAT_FRAME, startOk())
  client.expect(CONNECTION_TUNE)
  t.pass()
})

test('a client may close during its handshake', (t) => {
  const client = tuning()
  client.send(encodeConnectionClose(0, { replyCode: 200, replyText: 'bye' }))
  client.expect(CONNECTION_CLOSE_OK)
  t.is(client.connection.state, 'closing')
})

test('a handshake that is not done within ten seconds is dropped without a word, in every state', (t) => {
  const node = new TestNode()
  const silent = new TestClient(node)
  const clients = [silent, started(node), tuning(node)]
  const opening = tuning(node)
  opening.send(encodeConnectionTuneOk(0, {}))
  clients.push(opening)
  node.advance(9999)
  for (const client of clients) t.false(client.transport.destroyed)
  node.advance(1)
  for (const client of clients) {
    client.expectNothing()
    t.true(client.transport.destroyed)
    client.disconnect()
  }
  t.is(node.timers.size, 0)
  t.is(node.amqp.connections.size, 0)
})

test('an open connection is past the deadline', (t) => {
  const { node, client } = openNode()
  node.advance(60_000)
  t.false(client.transport.destroyed)
  client.send(encodeQueueDeclare(1, { queue: 'q' }))
  client.expect(QUEUE_DECLARE_OK)
})

test('everything from start-ok to the first delivery may come in one piece', (t) => {
  const client = new TestClient(new TestNode())
  client.send(
    PROTOCOL_HEADER,
    startOk({ capabilities: ALL_CAPABILITIES }),
    encodeConnectionTuneOk(0, { frameMax: 4096, channelMax: 10 }),
    encodeConnectionOpen(0, {}),
    encodeChannelOpen(3),
    encodeQueueDeclare(3, { queue: 'q' }),
    publish(3, { routingKey: 'q', body: 'hello' }),
    encodeBasicConsume(3, { queue: 'q', consumerTag: 'c', noAck: true }),
  )
  client.expect(CONNECTION_START)
  client.expect(CONNECTION_TUNE)
  client.expect(CONNECTION_OPEN_OK)
  client.expect(CHANNEL_OPEN_OK, 3)
  client.expect(QUEUE_DECLARE_OK, 3)
  client.expect(BASIC_CONSUME_OK, 3)
  t.is(client.expectDelivery(3).text, 'hello')
})

test('a start-ok whose arguments are cut short is 501', (t) => {
  const client = started()
  client.send(Buffer.from('01000000000004000a000bce', 'hex'))
  t.is(client.expectConnectionClose(), '501 FRAME_ERROR - cannot decode <<>> (10,11)')
})

test('the client says what it is with client-properties', (t) => {
  const node = new TestNode()
  const client = started(node)
  client.send(
    encodeConnectionStartOk(0, {
      clientProperties: new Table().set('connection_name', longstr('orders')),
      mechanism: 'PLAIN',
      response: Buffer.from('\0guest\0guest'),
    }),
  )
  client.expect(CONNECTION_TUNE)
  t.deepEqual(toObject(client.connection.clientProperties as Table), { connection_name: 'orders' })
  t.is(client.connection.name, '127.0.0.1:50000 -> 127.0.0.1:5672')
  t.deepEqual(client.connection.capabilities, {
    authenticationFailureClose: false,
    consumerCancelNotify: false,
    connectionBlocked: false,
  })
})

/** AMQPLAIN's response: the inside of a field table. */
function inside(table: Table): Buffer {
  const pieces: Buffer[] = []
  for (const [name, value] of table.entries) {
    if (value.type !== 'S') throw new Error('only long strings')
    const length = Buffer.alloc(4)
    length.writeUInt32BE(value.value.length)
    pieces.push(Buffer.of(name.length), Buffer.from(name), Buffer.from('S'), length, value.value)
  }
  return Buffer.concat(pieces)
}
