import test from 'ava'
import {
  badFrameEnd,
  CodecError,
  encodeBody,
  encodeContent,
  encodeContentHeader,
  encodeFrame,
  encodeProperties,
  FrameParser,
  FrameType,
  HEARTBEAT_FRAME,
} from '../../src/codec/index.ts'

test('a heartbeat is the eight bytes of the protocol', (t) => {
  t.deepEqual(HEARTBEAT_FRAME, Buffer.of(8, 0, 0, 0, 0, 0, 0, 206))
})

test('a body is cut so that no frame is above frame-max', (t) => {
  const body = Buffer.from(Array.from({ length: 10_000 }, (_, index) => index % 251))
  const parser = new FrameParser(4096)
  const encoded = encodeBody(300, body, 4096)
  t.is(encoded.length, 10_000 + 3 * 8)
  parser.push(encoded)
  const frames = [parser.next(), parser.next(), parser.next()]
  t.deepEqual(
    frames.map((frame) => [frame?.type, frame?.channel, frame?.payload.length]),
    [
      [3, 300, 4088],
      [3, 300, 4088],
      [3, 300, 1824],
    ],
  )
  t.deepEqual(Buffer.concat(frames.map((frame) => frame?.payload as Buffer)), body)
  t.is(parser.next(), undefined)
})

test('a body of exactly one frame is one frame, and of one byte more is two', (t) => {
  t.is(encodeBody(1, Buffer.alloc(4088), 4096).length, 4096)
  t.is(encodeBody(1, Buffer.alloc(4089), 4096).length, 4089 + 16)
})

test('an empty body has no frame, and without a limit there is one frame', (t) => {
  t.is(encodeBody(1, Buffer.alloc(0), 4096).length, 0)
  t.is(encodeBody(1, Buffer.alloc(0), 0).length, 0)
  t.is(encodeBody(1, Buffer.alloc(500_000), 0).length, 500_008)
  const properties = encodeProperties({})
  t.deepEqual(encodeContent(1, properties, Buffer.alloc(0), 4096), encodeContentHeader(1, 0, properties))
})

test('a frame-max without room for a payload is refused', (t) => {
  for (const frameMax of [8, 1, -1, Number.NaN]) {
    t.throws(() => encodeBody(1, Buffer.alloc(1), frameMax), { instanceOf: RangeError })
  }
})

test('a frame that does not end with 206 is told with its octets, as RabbitMQ tells', (t) => {
  const parser = new FrameParser()
  const frame = encodeFrame(FrameType.METHOD, 1, Buffer.of(0, 20, 0, 40))
  frame[frame.length - 1] = 205
  parser.push(frame)
  const error = t.throws(() => parser.next(), { instanceOf: CodecError })
  t.is(error?.code, 501)
  t.is(error?.message, 'FRAME_ERROR - type 1, all octets = <<0,20,0,40>>: {invalid_frame_end_marker,205}')
})

test('of a longer payload the first 16 octets are told, text as text', (t) => {
  const text = Buffer.from('say "hi" to \\ the world')
  t.is(
    badFrameEnd(3, text, 0, text.length, 0).message,
    'FRAME_ERROR - type 3, first 16 octets = <<"say \\"hi\\" to \\\\ th">>: {invalid_frame_end_marker,0}',
  )
  t.is(badFrameEnd(3, text, 4, 4, 0).message, 'FRAME_ERROR - type 3, all octets = <<>>: {invalid_frame_end_marker,0}')
})

test('a frame above the limit and an unknown type are refused from the header alone', (t) => {
  const large = new FrameParser(8192)
  large.push(Buffer.of(1, 0, 1, 0, 0, 0x23, 0x28))
  t.throws(() => large.next(), {
    instanceOf: CodecError,
    message: 'FRAME_ERROR - type 1, all octets = <<>>: {frame_too_large,9000,8184}',
  })
  const limit = new FrameParser(8192)
  limit.push(Buffer.of(1, 0, 1, 0, 0, 0x1f, 0xf8))
  t.is(limit.next(), undefined)
  const above = new FrameParser(8192)
  above.push(Buffer.of(1, 0, 1, 0, 0, 0x1f, 0xf9))
  t.throws(() => above.next(), { message: /{frame_too_large,8185,8184}$/ })
  const unknown = new FrameParser()
  unknown.push(Buffer.of(7, 0, 1, 0, 0, 0, 0))
  t.throws(() => unknown.next(), {
    instanceOf: CodecError,
    message: 'FRAME_ERROR - type 7, all octets = <<>>: unknown_frame',
  })
})

test('a parser keeps nothing of what it has given away', (t) => {
  const parser = new FrameParser()
  const stream = Buffer.concat(Array.from({ length: 50 }, (_, n) => encodeFrame(FrameType.BODY, n, Buffer.alloc(n, n))))
  let frames = 0
  // Every chunk ends within a frame, so that there is always a rest.
  for (let at = 0; at < stream.length; at += 13) {
    parser.push(stream.subarray(at, at + 13))
    for (let frame = parser.next(); frame; frame = parser.next()) {
      t.deepEqual(frame, { type: 3, channel: frames, payload: Buffer.alloc(frames, frames) })
      frames++
    }
    t.true(parser.pending < 64)
  }
  t.is(frames, 50)
  t.is(parser.pending, 0)
})
