import {
  createDecoders,
  encodeBasicPublish,
  encodeChannelOpen,
  encodeContentHeader,
  encodeFrame,
  encodeProperties,
  encodeQueueDeclare,
  FrameType,
  HEARTBEAT_FRAME,
  METHODS,
} from '../../../src/codec/index.ts'
import type { Connection } from '../connection.ts'
import { group } from '../session.ts'

const NO_PROPERTIES = encodeProperties({})

function damaged(frame: Buffer, at: number, octet: number): Buffer {
  const copy = Buffer.from(frame)
  copy[at < 0 ? copy.length + at : at] = octet
  return copy
}

function method(channel: number, classId: number, methodId: number, args: Buffer | number[] = []): Buffer {
  const ids = Buffer.alloc(4)
  ids.writeUInt16BE(classId, 0)
  ids.writeUInt16BE(methodId, 2)
  return encodeFrame(FrameType.METHOD, channel, Buffer.concat([ids, Buffer.from(args)]))
}

export const frame = group('frame', (session) => {
  /** Bytes on a connection with channel 1 open, and how the connection ends. */
  const ends = (title: string, bytes: Buffer) => {
    session(title, async (s) => {
      const c = await s.open()
      c.connection.raw(bytes, title)
      await c.connection.closed()
    })
  }

  ends('an end octet of 205', damaged(encodeChannelOpen(2), -1, 205))
  ends(
    'an end octet of 0 behind a long method',
    damaged(encodeQueueDeclare(1, { queue: 'a-queue-of-some-length' }), -1, 0),
  )
  ends('a heartbeat with a bad end octet', damaged(HEARTBEAT_FRAME, -1, 0))
  ends('a printable payload with a bad end octet', damaged(encodeFrame(FrameType.BODY, 1, Buffer.from('hello')), -1, 1))
  ends('frame type 0', encodeFrame(0, 0, Buffer.alloc(0)))
  ends('frame type 4', encodeFrame(4, 1, Buffer.from([1, 2, 3])))
  ends('frame type 7', encodeFrame(7, 0, Buffer.alloc(0)))
  ends('frame type 255', encodeFrame(255, 65_535, Buffer.from('hello world, how are you')))
  ends('a content header where a method is due', encodeContentHeader(1, 0, NO_PROPERTIES))
  ends('a content body where a method is due', encodeFrame(FrameType.BODY, 1, Buffer.from('x')))
  ends('a content header on channel 0', encodeContentHeader(0, 0, NO_PROPERTIES))
  ends('a content body on channel 0', encodeFrame(FrameType.BODY, 0, Buffer.from('x')))
  ends('a content header on a channel that is not open', encodeContentHeader(2, 0, NO_PROPERTIES))
  ends('a content body on a channel that is not open', encodeFrame(FrameType.BODY, 2, Buffer.from('x')))
  ends('a heartbeat on a channel', encodeFrame(FrameType.HEARTBEAT, 1, Buffer.alloc(0)))
  ends('a heartbeat on a channel that is not open', encodeFrame(FrameType.HEARTBEAT, 9, Buffer.alloc(0)))
  ends('a heartbeat with a payload', encodeFrame(FrameType.HEARTBEAT, 0, Buffer.from('x')))
  ends('a method frame without a method', encodeFrame(FrameType.METHOD, 1, Buffer.alloc(0)))
  ends('a method frame of two bytes', encodeFrame(FrameType.METHOD, 1, Buffer.from([0, 50])))
  ends('an unknown class', method(1, 99, 10))
  ends('an unknown class on channel 0', method(0, 99, 10))
  ends('an unknown method', method(1, 50, 99))
  ends('queue.declare without arguments', method(1, 50, 10))
  ends('queue.declare with two bytes of arguments', method(1, 50, 10, [0, 0]))
  ends('queue.declare cut in its table', method(1, 50, 10, [0, 0, 1, 0x71, 0, 0, 0, 0, 9, 1]))
  ends('basic.publish without arguments', method(1, 60, 40))
  ends('basic.ack with three bytes', method(1, 60, 80, [0, 0, 0]))
  ends('channel.open without arguments on a new channel', method(2, 20, 10))
  ends('connection.close without arguments', method(0, 10, 50))
  ends('tx.select with arguments', method(1, 90, 10, [1]))
  ends('a queue name that is not UTF-8', method(1, 50, 10, [0, 0, 2, 0xff, 0xfe, 0, 0, 0, 0, 0]))
  ends('a consumer tag that is not UTF-8', method(1, 60, 20, [0, 0, 1, 0x71, 1, 0x80, 0, 0, 0, 0, 0]))
  ends('an unknown tag in an argument table', method(1, 50, 10, [0, 0, 1, 0x71, 0, 0, 0, 0, 3, 1, 0x61, 0x7a]))
  ends(
    'an argument whose string is longer than its table',
    method(1, 50, 10, [0, 0, 1, 0x71, 0, 0, 0, 0, 9, 1, 0x61, 0x53, 0, 0, 0, 99, 1, 2]),
  )

  session('a routing key that is not UTF-8', async (s) => {
    const c = await s.open()
    c.connection.raw(
      Buffer.concat([method(1, 60, 40, [0, 0, 0, 1, 0xc3, 1]), encodeContentHeader(1, 0, NO_PROPERTIES)]),
      'a mandatory publish with key <<c3>>',
    )
    await s.quiet()
  })

  session('an exchange name that is not UTF-8', async (s) => {
    const c = await s.open()
    c.connection.raw(
      Buffer.concat([method(1, 60, 40, [0, 0, 1, 0xc3, 0, 0]), encodeContentHeader(1, 0, NO_PROPERTIES)]),
      'a publish to exchange <<c3>>',
    )
    await s.quiet()
  })

  ends('a binding key that is not UTF-8', method(1, 50, 20, [0, 0, 1, 0x71, 1, 0x78, 1, 0xc3, 0, 0, 0, 0, 0]))
  ends('a queue to get from that is not UTF-8', method(1, 60, 70, [0, 0, 1, 0xc3, 0]))

  session('a payload of frame-max bytes is taken', async (s) => {
    const c = await s.open({ frameMax: 4096 })
    const q = s.q()
    await c.declare(q)
    c.connection.raw(
      Buffer.concat([
        encodeBasicPublish(1, { exchange: '', routingKey: q }),
        encodeContentHeader(1, 4096, NO_PROPERTIES),
        encodeFrame(FrameType.BODY, 1, Buffer.alloc(4096, 'x')),
      ]),
      'a publish with a body frame of 4096 + 8 bytes',
    )
    await c.get(q, true)
  })

  for (const size of [4097, 9000, 200_000]) {
    session(`a payload of ${size} bytes where 4088 are agreed`, async (s) => {
      const c = await s.open({ frameMax: 4096 })
      c.connection.raw(encodeFrame(FrameType.BODY, 1, Buffer.alloc(size, 'x')), `a body frame of ${size} bytes`)
      await c.connection.closed()
    })
  }

  session('a method of more than the agreed size', async (s) => {
    const c = await s.open({ frameMax: 4096 })
    c.connection.raw(encodeFrame(FrameType.METHOD, 1, Buffer.alloc(5000)), 'a method frame of 5000 bytes')
    await c.connection.closed()
  })

  session('an announced size of 2^32-1', async (s) => {
    const c = await s.open()
    c.connection.raw(Buffer.from([1, 0, 1, 255, 255, 255, 255, 0, 0]), 'the beginning of a frame of 4 GB')
    await c.connection.closed()
  })

  for (const [frameMax, size] of [
    [4096, 4088],
    [4096, 4089],
    [4096, 10_000],
    [131_072, 131_064],
    [131_072, 300_000],
  ] as const) {
    session(`a body of ${size} bytes comes in frames of at most ${frameMax}`, async (s) => {
      const c = await s.open({ frameMax })
      const q = s.q()
      await c.declare(q)
      c.publish('', q, Buffer.alloc(size, 'abc'))
      await c.get(q, true)
    })
  }

  session('a body in many small frames is one body', async (s) => {
    const c = await s.open()
    const q = s.q()
    await c.declare(q)
    const parts = ['a', '', 'bc', 'defghi'].map((part) => encodeFrame(FrameType.BODY, 1, Buffer.from(part)))
    const head = [encodeBasicPublish(1, { routingKey: q }), encodeContentHeader(1, 9, NO_PROPERTIES)]
    c.connection.raw(
      Buffer.concat([...head, ...parts]),
      'a publish of "abcdefghi" in four body frames, one of them empty',
    )
    await c.get(q, true)
  })

  const serverOnly = [...METHODS].filter(([, info]) => info.sentBy === 'server')
  for (const [id, info] of serverOnly) {
    const onZero = info.classId === 10
    session(`${info.name} from a client`, async (s) => {
      const c = await s.open()
      c.connection.raw(sampleOf(id), `${info.name} on channel ${onZero ? 0 : 1}`)
      await s.quiet()
    })
  }

  for (const [id, info] of METHODS) {
    if (info.sentBy === 'server' || info.classId !== 10 || info.name === 'connection.close') continue
    session(`${info.name} on channel 1`, async (s) => {
      const c = await s.open()
      c.connection.raw(onChannel(sampleOf(id), 1), info.name)
      await s.quiet()
    })
  }
  for (const [id, info] of METHODS) {
    if (info.sentBy === 'server' || info.classId === 10) continue
    session(`${info.name} on channel 0`, async (s) => {
      const a = await s.connect()
      a.raw(onChannel(sampleOf(id), 0), info.name)
      await s.quiet()
    })
    if (info.name === 'channel.open') continue
    session(`${info.name} on a channel that is not open`, async (s) => {
      const a = await s.connect()
      a.raw(onChannel(sampleOf(id), 5), info.name)
      await s.quiet()
    })
  }

  session('a close of a channel in the middle of another channel’s content', async (s) => {
    const a: Connection = await s.connect()
    const c = await s.silently(() => a.openChannel(1))
    const d = await s.silently(() => a.openChannel(2))
    const q = s.q()
    await c.declare(q)
    a.raw(encodeBasicPublish(1, { routingKey: q }), 'basic.publish on channel 1')
    a.raw(encodeContentHeader(1, 4, NO_PROPERTIES), 'its header: 4 bytes')
    await d.close()
    a.raw(encodeFrame(FrameType.BODY, 1, Buffer.from('ab')), 'half its body')
    await d.open()
    a.raw(encodeFrame(FrameType.BODY, 1, Buffer.from('cd')), 'the other half')
    await c.get(q, true)
  })
})

/** A frame of that method whose arguments are all zero: empty names, empty tables, no bits. */
function sampleOf(id: number): Buffer {
  const decoder = createDecoders().get(id)
  for (let length = 0; length < 64; length++) {
    const args = Buffer.alloc(length)
    if (decoder?.decode(args, 0, length)) {
      const channel = id >>> 16 === 10 ? 0 : 1
      return method(channel, id >>> 16, id & 0xffff, args)
    }
  }
  throw new Error(`no arguments found for method ${id}`)
}

function onChannel(bytes: Buffer, channel: number): Buffer {
  const copy = Buffer.from(bytes)
  copy.writeUInt16BE(channel, 1)
  return copy
}
