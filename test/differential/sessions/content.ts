import {
  encodeBasicPublish,
  encodeContentHeader,
  encodeFrame,
  encodeProperties,
  encodeQueueDeclare,
  FrameType,
  HEARTBEAT_FRAME,
} from '../../../src/codec/index.ts'
import { group } from '../session.ts'

const NO_PROPERTIES = encodeProperties({})

function header(
  classId: number,
  weight: number,
  bodySize: number,
  flags: number,
  list: Buffer | number[] = [],
): Buffer {
  const payload = Buffer.alloc(14)
  payload.writeUInt16BE(classId, 0)
  payload.writeUInt16BE(weight, 2)
  payload.writeBigUInt64BE(BigInt(bodySize), 4)
  payload.writeUInt16BE(flags, 12)
  return encodeFrame(FrameType.HEADER, 1, Buffer.concat([payload, Buffer.from(list)]))
}

function body(text: string): Buffer {
  return encodeFrame(FrameType.BODY, 1, Buffer.from(text))
}

export const content = group('content', (session) => {
  /** basic.publish to a queue of its own, followed by these bytes; then what the queue holds. */
  const publishes = (title: string, ...rest: [label: string, bytes: Buffer][]) => {
    session(title, async (s) => {
      const c = await s.open()
      const q = s.q()
      await c.declare(q)
      c.connection.send(encodeBasicPublish(1, { routingKey: q }))
      for (const [label, bytes] of rest) c.connection.raw(bytes, label)
      await s.quiet()
      if (!c.isClosing()) await c.get(q, true)
    })
  }

  publishes('a method where the header is due', ['queue.declare', encodeQueueDeclare(1, { exclusive: true })])
  publishes('a publish where the header is due', ['basic.publish', encodeBasicPublish(1, {})])
  publishes('a body where the header is due', ['a body', body('x')])
  publishes(
    'a heartbeat where the header is due',
    ['a heartbeat', HEARTBEAT_FRAME],
    ['a header of size 0', encodeContentHeader(1, 0, NO_PROPERTIES)],
  )
  publishes('a header of another class', ['a header of class 50', header(50, 0, 0, 0)])
  publishes('a header of class 0', ['a header of class 0', header(0, 0, 0, 0)])
  publishes('a header of an unknown class', ['a header of class 99', header(99, 0, 0, 0)])
  publishes('a header with a weight', ['a header of weight 1', header(60, 1, 0, 0)])
  publishes('a header of three bytes', [
    'a header of three bytes',
    encodeFrame(FrameType.HEADER, 1, Buffer.from([0, 60, 0])),
  ])
  publishes('a header without flags', [
    'a header of twelve bytes',
    encodeFrame(FrameType.HEADER, 1, Buffer.from([0, 60, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])),
  ])
  publishes('an empty header', ['an empty header', encodeFrame(FrameType.HEADER, 1, Buffer.alloc(0))])
  publishes(
    'a method where the body is due',
    ['a header of size 5', header(60, 0, 5, 0)],
    ['queue.declare', encodeQueueDeclare(1, { exclusive: true })],
  )
  publishes(
    'a header where the body is due',
    ['a header of size 5', header(60, 0, 5, 0)],
    ['a header of size 5', header(60, 0, 5, 0)],
  )
  publishes(
    'a method in the middle of a body',
    ['a header of size 5', header(60, 0, 5, 0)],
    ['"ab"', body('ab')],
    ['queue.declare', encodeQueueDeclare(1, { exclusive: true })],
  )
  publishes(
    'a heartbeat in the middle of a body',
    ['a header of size 4', header(60, 0, 4, 0)],
    ['"ab"', body('ab')],
    ['a heartbeat', HEARTBEAT_FRAME],
    ['"cd"', body('cd')],
  )
  publishes('a body longer than announced', ['a header of size 3', header(60, 0, 3, 0)], ['"abcdef"', body('abcdef')])
  publishes(
    'a body of more frames than announced',
    ['a header of size 3', header(60, 0, 3, 0)],
    ['"abc"', body('abc')],
    ['"def"', body('def')],
  )
  publishes('a body for a size of 0', ['a header of size 0', header(60, 0, 0, 0)], ['"abc"', body('abc')])
  publishes('an empty body for a size of 0', ['a header of size 0', header(60, 0, 0, 0)], ['""', body('')])
  publishes('an announced size of 600 MiB', ['a header of size 600 MiB', header(60, 0, 600 * 1024 * 1024, 0)])
  publishes('an announced size of 2^62', ['a header of size 2^62', header(60, 0, 2 ** 62, 0)])
  publishes('a flags word that announces another which is missing', ['a header with flags 1', header(60, 0, 0, 1)])
  publishes('a flags word with the unused bit', ['a header with flags 2', header(60, 0, 0, 2)])
  publishes('flags without their properties', ['a header with flags 0x8000 and no list', header(60, 0, 0, 0x8000)])
  publishes('bytes behind the properties', [
    'a header with flags 0 and a list of 3 bytes',
    header(60, 0, 0, 0, [1, 2, 3]),
  ])
  publishes('a delivery mode of 0', ['a header with delivery-mode 0', header(60, 0, 0, 0x1000, [0])])
  publishes('a delivery mode of 3', ['a header with delivery-mode 3', header(60, 0, 0, 0x1000, [3])])
  publishes('a priority of 255', ['a header with priority 255', header(60, 0, 0, 0x0800, [255])])
  publishes('a content type that is not UTF-8', [
    'a header with content-type <<ff>>',
    header(60, 0, 0, 0x8000, [1, 0xff]),
  ])
  publishes('a message id that is not UTF-8', [
    'a header with message-id <<c3 28>>',
    header(60, 0, 0, 0x0080, [2, 0xc3, 0x28]),
  ])
  publishes('an empty headers table', ['a header with an empty table', header(60, 0, 0, 0x2000, [0, 0, 0, 0])])
  publishes('a headers table with a name that is not UTF-8', [
    'a header with headers <<fe>>: true',
    header(60, 0, 0, 0x2000, [0, 0, 0, 4, 1, 0xfe, 0x74, 1]),
  ])
  publishes('a headers table with an unknown tag', [
    'a header with headers a: z',
    header(60, 0, 0, 0x2000, [0, 0, 0, 3, 1, 0x61, 0x7a]),
  ])
  publishes('a headers table that ends inside a value', [
    'a header with headers a: I and two bytes',
    header(60, 0, 0, 0x2000, [0, 0, 0, 5, 1, 0x61, 0x49, 0, 1]),
  ])
  publishes('a headers table longer than the frame', [
    'a header with headers of 99 bytes',
    header(60, 0, 0, 0x2000, [0, 0, 0, 99, 1, 0x61, 0x74, 1]),
  ])

  session('a message without properties and body', async (s) => {
    const c = await s.open()
    const q = s.q()
    await c.declare(q)
    c.publish('', q, '')
    await c.get(q, true)
  })

  session('all fourteen properties', async (s) => {
    const c = await s.open()
    const q = s.q()
    await c.declare(q)
    c.publish('', q, 'hello', {
      properties: {
        contentType: 'text/plain',
        contentEncoding: 'identity',
        headers: { a: 1, b: 'two' },
        deliveryMode: 2,
        priority: 9,
        correlationId: 'correlation',
        replyTo: 'reply',
        expiration: '60000',
        messageId: 'id',
        timestamp: 1_000_000_000,
        type: 'type',
        userId: 'guest',
        appId: 'app',
        clusterId: 'cluster',
      },
    })
    await c.get(q)
    c.nack(1, { requeue: true })
    await c.get(q)
  })

  const extremes: [title: string, properties: Parameters<typeof encodeProperties>[0]][] = [
    ['properties of 255 bytes', { contentType: 'x'.repeat(255), type: 'y'.repeat(255) }],
    [
      'empty properties',
      {
        contentType: '',
        contentEncoding: '',
        correlationId: '',
        replyTo: '',
        messageId: '',
        type: '',
        appId: '',
        clusterId: '',
      },
    ],
    ['a timestamp of 0', { timestamp: 0 }],
    ['a timestamp beyond 32 bits', { timestamp: 2 ** 40 }],
    ['texts in other scripts', { contentType: 'текст/π', appId: '名前' }],
    ['a cluster id alone', { clusterId: 'c' }],
  ]
  for (const [title, properties] of extremes) {
    session(`unchanged: ${title}`, async (s) => {
      const c = await s.open()
      const q = s.q()
      await c.declare(q)
      const bytes = encodeProperties(properties)
      c.connection.raw(
        Buffer.concat([encodeBasicPublish(1, { routingKey: q }), encodeContentHeader(1, 1, bytes), body('b')]),
        `a publish with ${title}`,
      )
      await c.get(q, true)
    })
  }

  session('contents of two channels may be mixed', async (s) => {
    const a = await s.connect()
    const c = await s.silently(() => a.openChannel(1))
    const d = await s.silently(() => a.openChannel(2))
    const q = s.q()
    await c.declare(q)
    a.raw(encodeBasicPublish(1, { routingKey: q }), 'publish on 1')
    d.publish('', q, 'whole')
    a.raw(encodeContentHeader(1, 2, NO_PROPERTIES), 'header on 1')
    await s.quiet()
    await d.declare(q, { passive: true })
    a.raw(body('ab'), 'body on 1')
    await c.get(q, true)
    await c.get(q, true)
  })

  session('a body above the largest message size', async (s) => {
    const c = await s.open()
    const q = s.q()
    await c.declare(q)
    c.publish('', q, Buffer.alloc(17 * 1024 * 1024))
    await c.closed()
  })

  session('a body of the largest message size', async (s) => {
    const c = await s.open()
    const q = s.q()
    await c.declare(q)
    await c.confirmSelect()
    c.publish('', q, Buffer.alloc(16 * 1024 * 1024))
    await c.wait({ confirm: 1 })
    await c.declare(q, { passive: true })
  })
})
