import {
  CONNECTION_SECURE,
  CONNECTION_TUNE,
  encodeBasicPublish,
  encodeChannelOpen,
  encodeConnectionClose,
  encodeConnectionCloseOk,
  encodeConnectionOpen,
  encodeConnectionSecureOk,
  encodeConnectionStartOk,
  encodeConnectionTuneOk,
  encodeConnectionUpdateSecret,
  encodeQueueDeclare,
  encodeTable,
  fromObject,
  HEARTBEAT_FRAME,
  PROTOCOL_HEADER,
} from '../../../src/codec/index.ts'
import { CAPABILITIES, type Connection } from '../connection.ts'
import type { Script } from '../script.ts'
import { group } from '../session.ts'
import { EventKind } from '../wire.ts'

const PLAIN_GUEST = Buffer.from('\0guest\0guest')

function startOk(mechanism: string, response: Buffer | string, capabilities = CAPABILITIES, extra = {}): Buffer {
  return encodeConnectionStartOk(0, {
    clientProperties: fromObject({ product: 'differential', capabilities, ...extra }),
    mechanism,
    response: Buffer.from(response),
    locale: 'en_US',
  })
}

/** A connection whose server has sent start. */
async function starting(s: Script): Promise<Connection> {
  const connection = s.socket()
  await s.silently(() => connection.start())
  return connection
}

/** A connection whose server has sent tune. */
async function tuning(s: Script): Promise<Connection> {
  const connection = await starting(s)
  await s.silently(() => connection.login({}))
  return connection
}

// A heartbeat is fine at any time; everything else out of place ends the connection.
async function unlessHeartbeat(title: string, connection: Connection): Promise<void> {
  if (title === 'a heartbeat') await connection.script.quiet()
  else await connection.closed()
}

export const connection = group('connection', (session) => {
  session('the server introduces itself', async (s) => {
    await s.socket().start()
  })

  session('the server proposes its limits after a login', async (s) => {
    const a = s.socket()
    await a.start()
    await a.login({})
  })

  session('the virtual host opens', async (s) => {
    const a = s.socket()
    await a.start()
    await a.login({})
    a.tune({})
    await a.call(encodeConnectionOpen(0, { virtualHost: '/' }))
  })

  for (const vhost of ['nosuch', '', 'a/b', '//']) {
    session(`an unknown virtual host ${JSON.stringify(vhost)}`, async (s) => {
      const a = await tuning(s)
      a.tune({})
      await a.call(encodeConnectionOpen(0, { virtualHost: vhost }))
    })
  }

  const headers: Record<string, number[]> = {
    '0 0 9 0': [0, 0, 9, 0],
    '0 0 9 2': [0, 0, 9, 2],
    '0 0 10 0': [0, 0, 10, 0],
    '0 0 8 0': [0, 0, 8, 0],
    '1 1 0 9': [1, 1, 0, 9],
    '1 1 8 0': [1, 1, 8, 0],
    '1 1 0 10': [1, 1, 0, 10],
    '3 1 0 0': [3, 1, 0, 0],
    '0 1 0 0': [0, 1, 0, 0],
    '2 1 0 0': [2, 1, 0, 0],
    '255 255 255 255': [255, 255, 255, 255],
  }
  for (const [label, version] of Object.entries(headers)) {
    session(`the protocol header AMQP ${label}`, async (s) => {
      const a = s.socket()
      a.raw(Buffer.concat([Buffer.from('AMQP'), Buffer.from(version)]), `AMQP ${label}`)
      await s.until(() => a.events.length > 0)
      await s.quiet()
    })
  }
  for (const text of [
    'XXXXXXXX',
    'GET / HTTP/1.1\r\n\r\n',
    'amqp\0\0\x09\x01',
    '\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03',
  ]) {
    session(`the first bytes ${JSON.stringify(text)}`, async (s) => {
      const a = s.socket()
      a.raw(Buffer.from(text, 'latin1'), JSON.stringify(text))
      await a.closed()
    })
  }

  session('a bad password is refused with a close when the client can take it', async (s) => {
    const a = await starting(s)
    await a.login({ password: 'wrong' })
  })

  session('an unknown user is refused with a close when the client can take it', async (s) => {
    const a = await starting(s)
    await a.login({ user: 'nobody' })
  })

  session('a bad password without the capability ends the socket', async (s) => {
    const a = await starting(s)
    await a.login({ password: 'wrong', capabilities: {} })
  })

  session('a capability that is false counts as absent', async (s) => {
    const a = await starting(s)
    await a.login({ password: 'wrong', capabilities: { authentication_failure_close: false } })
  })

  session('an empty user name', async (s) => {
    const a = await starting(s)
    await a.login({ user: '', password: '' })
  })

  const responses: [title: string, mechanism: string, response: Buffer | string][] = [
    ['a mechanism that is not offered', 'NOSUCH', PLAIN_GUEST],
    ['an empty mechanism', '', PLAIN_GUEST],
    ['a mechanism in lower case', 'plain', PLAIN_GUEST],
    ['a PLAIN response without separators', 'PLAIN', 'guestguest'],
    ['an empty PLAIN response', 'PLAIN', ''],
    ['a PLAIN response with one separator', 'PLAIN', 'guest\0guest'],
    ['a PLAIN response with an authorisation identity', 'PLAIN', 'somebody\0guest\0guest'],
    ['a PLAIN response with a separator inside the password', 'PLAIN', '\0guest\0gu\0est'],
    ['an AMQPLAIN login', 'AMQPLAIN', encodeTable(fromObject({ LOGIN: 'guest', PASSWORD: 'guest' })).subarray(4)],
    [
      'an AMQPLAIN login in the other order, with more',
      'AMQPLAIN',
      encodeTable(fromObject({ PASSWORD: 'guest', more: 1, LOGIN: 'guest' })).subarray(4),
    ],
    [
      'an AMQPLAIN login with a bad password',
      'AMQPLAIN',
      encodeTable(fromObject({ LOGIN: 'guest', PASSWORD: 'wrong' })).subarray(4),
    ],
    ['an AMQPLAIN login without a password', 'AMQPLAIN', encodeTable(fromObject({ LOGIN: 'guest' })).subarray(4)],
    ['an AMQPLAIN response that is no table', 'AMQPLAIN', 'zzzz'],
  ]
  for (const [title, mechanism, response] of responses) {
    session(title, async (s) => {
      const a = await starting(s)
      a.send(startOk(mechanism, response))
      await a.answer(0, CONNECTION_TUNE, CONNECTION_SECURE)
    })
  }

  session('another locale is as good', async (s) => {
    const a = await starting(s)
    a.send(encodeConnectionStartOk(0, { mechanism: 'PLAIN', response: PLAIN_GUEST, locale: 'de_DE' }))
    await a.answer(0, CONNECTION_TUNE)
  })

  session('no client properties at all', async (s) => {
    const a = await starting(s)
    a.send(encodeConnectionStartOk(0, { mechanism: 'PLAIN', response: PLAIN_GUEST, locale: 'en_US' }))
    await a.answer(0, CONNECTION_TUNE)
  })

  session('a start-ok of more than 4096 bytes', async (s) => {
    const a = await starting(s)
    a.raw(startOk('PLAIN', PLAIN_GUEST, CAPABILITIES, { information: 'x'.repeat(5000) }), 'start-ok of 5 KB')
    await a.answer(0, CONNECTION_TUNE)
  })

  const tunes: [title: string, tune: { channelMax?: number; frameMax?: number; heartbeat?: number }][] = [
    ['the smallest frame-max', { frameMax: 4096 }],
    ['a frame-max below the smallest', { frameMax: 4095 }],
    ['a frame-max above the proposal', { frameMax: 131_073 }],
    ['a frame-max of 0', { frameMax: 0 }],
    ['a channel-max of 1', { channelMax: 1 }],
    ['a channel-max above the proposal', { channelMax: 2048 }],
    ['a channel-max of 65535', { channelMax: 65_535 }],
    ['a channel-max of 0', { channelMax: 0 }],
    ['a heartbeat longer than the proposal', { heartbeat: 600 }],
    ['the longest heartbeat', { heartbeat: 65_535 }],
  ]
  for (const [title, tune] of tunes) {
    session(`tune-ok with ${title}`, async (s) => {
      const a = await tuning(s)
      a.tune(tune)
      await a.call(encodeConnectionOpen(0, { virtualHost: '/' }))
    })
  }

  const early: [title: string, frame: Buffer][] = [
    ['connection.open', encodeConnectionOpen(0, { virtualHost: '/' })],
    ['tune-ok', encodeConnectionTuneOk(0, {})],
    ['secure-ok', encodeConnectionSecureOk(0, { response: Buffer.from('x') })],
    ['channel.open', encodeChannelOpen(1)],
    ['channel.open on channel 0', encodeChannelOpen(0)],
    ['queue.declare', encodeQueueDeclare(1, {})],
    ['connection.close', encodeConnectionClose(0, { replyCode: 200, replyText: 'bye' })],
    ['connection.close-ok', encodeConnectionCloseOk(0)],
    ['a heartbeat', HEARTBEAT_FRAME],
  ]
  for (const [title, frame] of early) {
    session(`${title} where start-ok is due`, async (s) => {
      const a = await starting(s)
      a.raw(frame, title)
      await unlessHeartbeat(title, a)
    })
    session(title === 'tune-ok' ? 'tune-ok twice' : `${title} where tune-ok is due`, async (s) => {
      const a = await tuning(s)
      if (title === 'tune-ok') a.raw(frame, title)
      a.raw(frame, title)
      await unlessHeartbeat(title, a)
    })
    session(
      title === 'connection.open' ? 'connection.open twice' : `${title} where connection.open is due`,
      async (s) => {
        const a = await tuning(s)
        a.tune({})
        if (title === 'connection.open') a.raw(frame, title)
        a.raw(frame, title)
        await unlessHeartbeat(title, a)
      },
    )
    if (title === 'channel.open' || title === 'queue.declare' || title === 'connection.close') continue
    session(`${title} on an open connection`, async (s) => {
      const a = await s.connect()
      a.raw(frame, title)
      await unlessHeartbeat(title, a)
    })
  }

  session('start-ok twice', async (s) => {
    const a = await tuning(s)
    await a.login({})
  })

  session('start-ok on a channel', async (s) => {
    const a = await starting(s)
    a.raw(
      encodeConnectionStartOk(1, { mechanism: 'PLAIN', response: PLAIN_GUEST, locale: 'en_US' }),
      'start-ok on channel 1',
    )
    await a.closed()
  })

  session('connection.close on a channel', async (s) => {
    const c = await s.open()
    c.connection.send(encodeConnectionClose(1, { replyCode: 200, replyText: 'bye' }))
    await c.connection.closed()
  })

  session('a publish before the connection is open', async (s) => {
    const a = await starting(s)
    a.send(encodeBasicPublish(1, { exchange: '', routingKey: 'x' }))
    await a.closed()
  })

  session('the whole opening in one write', async (s) => {
    const a = s.socket()
    const opening = [
      PROTOCOL_HEADER,
      startOk('PLAIN', PLAIN_GUEST),
      encodeConnectionTuneOk(0, { channelMax: 2047, frameMax: 131_072, heartbeat: 0 }),
      encodeConnectionOpen(0, { virtualHost: '/' }),
      encodeChannelOpen(1),
      encodeQueueDeclare(1, { queue: s.q(), exclusive: true }),
    ]
    a.raw(Buffer.concat(opening), 'header, start-ok, tune-ok, open, channel.open and queue.declare at once')
    await s.answered()
  })

  session('an opening byte by byte', async (s) => {
    const a = s.socket()
    for (const byte of PROTOCOL_HEADER) a.raw(Buffer.from([byte]), `${byte}`)
    await s.quiet()
    for (const byte of startOk('PLAIN', PLAIN_GUEST)) {
      await s.silently(async () => a.raw(Buffer.from([byte]), `${byte}`))
    }
    await s.quiet()
  })

  session('an open with capabilities and insist', async (s) => {
    const a = await tuning(s)
    a.tune({})
    await a.call(encodeConnectionOpen(0, { virtualHost: '/', capabilities: 'anything', insist: true }))
  })

  session('a client closes the connection', async (s) => {
    const a = await s.connect()
    await a.call(encodeConnectionClose(0, { replyCode: 200, replyText: 'bye' }))
    a.raw(HEARTBEAT_FRAME, 'heartbeat')
    await s.quiet()
  })

  session('a client closes the connection with open channels and an odd code', async (s) => {
    const c = await s.open()
    await c.connection.openChannel(2)
    await c.connection.call(encodeConnectionClose(0, { replyCode: 999, replyText: 'why', classId: 60, methodId: 40 }))
  })

  session('everything after connection.close is ignored', async (s) => {
    const c = await s.open()
    c.connection.send(encodeConnectionClose(0, { replyCode: 200, replyText: 'bye' }))
    c.connection.send(encodeQueueDeclare(1, { queue: s.q() }))
    c.connection.send(encodeChannelOpen(2))
    await s.quiet()
  })

  session('everything after the server’s connection.close is ignored', async (s) => {
    const c = await s.open()
    c.connection.leaveCloses()
    await c.connection.call(encodeChannelOpen(1))
    c.connection.send(encodeQueueDeclare(1, { queue: s.q() }))
    c.connection.send(encodeChannelOpen(2))
    await s.quiet()
    c.connection.send(encodeConnectionCloseOk(0))
    await c.connection.closed()
  })

  session('closes that cross are both answered', async (s) => {
    const c = await s.open()
    c.connection.leaveCloses()
    await c.connection.call(encodeChannelOpen(1))
    c.connection.send(encodeConnectionClose(0, { replyCode: 200, replyText: 'bye' }))
    await s.quiet()
  })

  session('exclusive queues are gone when close-ok comes', async (s) => {
    const a = await s.open()
    const b = await s.open()
    await a.declare(s.q(), { exclusive: true })
    await a.connection.call(encodeConnectionClose(0, { replyCode: 200, replyText: 'bye' }))
    await b.declare(s.q(), { passive: true })
  })

  session('a new secret is accepted', async (s) => {
    const a = await s.connect()
    await a.call(encodeConnectionUpdateSecret(0, { newSecret: Buffer.from('secret'), reason: 'because' }))
    await a.openChannel(1)
  })

  session('a heartbeat every time is fine', async (s) => {
    const a = await s.connect({ heartbeat: 60 })
    a.raw(HEARTBEAT_FRAME, 'heartbeat')
    a.raw(HEARTBEAT_FRAME, 'heartbeat')
    await a.openChannel(1)
  })

  session('a client that falls silent loses its socket', async (s) => {
    const a = await s.connect({ heartbeat: 1 })
    await s.until(() => a.ended)
    const said = a.takeEvents().filter(({ kind }) => kind !== EventKind.HEARTBEAT)
    s.note(said.map(({ text }) => text).join(', '))
  })

  session('the server sends heartbeats when it has nothing to say', async (s) => {
    const a = await s.connect({ heartbeat: 1 })
    const came = await s.until(() => a.events.some(({ kind }) => kind === EventKind.HEARTBEAT))
    a.takeEvents()
    s.note(came ? 'a heartbeat came' : 'no heartbeat came')
  })
})
