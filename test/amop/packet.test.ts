import test from 'ava'
import {
  encodeTopicBody,
  FRAME_BYTES_MAX,
  FrameError,
  FrameReader,
  findTopic,
  fitsTopicBody,
  Packet,
  PacketType,
  Seqs,
} from '../../src/amop/index.ts'
import { seeds } from '../amqp/seeds.ts'
import { newSeq } from './harness.ts'

const SEQ = 's'.repeat(32)

test('a unicast has the bytes of the protocol document', (t) => {
  const packet = Packet.make(PacketType.UNICAST, SEQ, 0, encodeTopicBody('hello', Buffer.from('hi')))
  const seqHex = Buffer.from(SEQ).toString('hex')
  t.is(packet.frame.toString('hex'), `000000320030${seqHex}000000000668656c6c6f6869`)
})

test('a frame that is read says what the one that was made says', (t) => {
  const seq = '\u00ff'.repeat(32)
  const { frame } = Packet.make(PacketType.RESPONSE, seq, -5000, Buffer.from('body'))
  const packet = Packet.read(frame)
  t.is(packet.type, PacketType.RESPONSE)
  t.is(packet.seq, seq)
  t.is(packet.result, -5000)
  t.is(packet.body.toString(), 'body')
})

test('a frame under another seq is another frame with the same body', (t) => {
  const packet = Packet.make(PacketType.UNICAST, SEQ, 0, Buffer.from('body'))
  const seq = newSeq()
  const other = Packet.read(packet.as(PacketType.RESPONSE, seq, 104).frame)
  t.deepEqual([other.type, other.seq, other.result, other.body.toString()], [PacketType.RESPONSE, seq, 104, 'body'])
  t.is(packet.frame.toString('latin1', 6, 38), SEQ)
  t.is(packet.as(PacketType.UNICAST, SEQ), packet)
})

test('a seq of another length and a frame over 100 MiB cannot be made', (t) => {
  t.throws(() => Packet.make(PacketType.UNICAST, 'short', 0, Buffer.alloc(0)), { instanceOf: RangeError })
  const tooLong = { length: FRAME_BYTES_MAX } as Buffer
  t.throws(() => Packet.make(PacketType.UNICAST, SEQ, 0, tooLong), { message: /is over 104857600/ })
})

test('topics of 0, 1, 253 and 254 bytes pass, 255 do not', (t) => {
  for (const bytes of [0, 1, 253, 254]) {
    const topic = 'x'.repeat(bytes)
    const { frame } = Packet.make(PacketType.UNICAST, SEQ, 0, encodeTopicBody(topic, Buffer.from('data')))
    const place = findTopic(frame)
    t.is(place?.topic, topic)
    t.is(frame.toString('utf8', place?.dataAt), 'data')
  }
  t.false(fitsTopicBody('x'.repeat(255)))
  t.false(fitsTopicBody('é'.repeat(128)))
  t.true(fitsTopicBody('é'.repeat(127)))
  t.false(fitsTopicBody('\ud800'))
  t.throws(() => encodeTopicBody('x'.repeat(255), Buffer.alloc(0)), { instanceOf: RangeError })
})

test('a body without a whole topic is malformed', (t) => {
  const place = (hex: string) => findTopic(Packet.make(PacketType.UNICAST, SEQ, 0, Buffer.from(hex, 'hex')).frame)
  t.is(place(''), undefined)
  t.is(place('00'), undefined)
  t.is(place('0068'), undefined)
  t.is(place('0368'), undefined)
  t.is(place('0268')?.topic, 'h')
})

test('a topic that is not UTF-8 is nobody’s, one with the replacement character is a topic', (t) => {
  const place = (topic: Buffer) =>
    findTopic(Packet.make(PacketType.UNICAST, SEQ, 0, Buffer.concat([Buffer.from([topic.length + 1]), topic])).frame)
  t.deepEqual(place(Buffer.from([0xc3])), { topic: undefined, dataAt: 44 })
  t.is(place(Buffer.from('\ufffd'))?.topic, '\ufffd')
})

test('seqs of our own are 32 hex digits and never the same', (t) => {
  const seqs = new Seqs()
  const many = new Set(Array.from({ length: 1000 }, () => seqs.next()))
  t.is(many.size, 1000)
  for (const seq of many) t.regex(seq, /^[0-9a-f]{32}$/)
})

test('frames come out of any split of the stream as they went in', (t) => {
  seeds(t, 60, (random) => {
    const frames = Array.from({ length: 1 + random.below(20) }, () => {
      const body = random.bytes(random.below(random.pick([1, 5, 100, 5000, 70_000])))
      return Packet.make(random.below(65536), newSeq(), random.below(2 ** 31) - 2 ** 30, body).frame
    })
    const read: Buffer[] = []
    const reader = new FrameReader((frame) => read.push(frame))
    const stream = Buffer.concat(frames)
    for (const piece of random.split(stream)) {
      const chunk = Buffer.from(piece)
      reader.push(chunk)
      chunk.fill(0xee)
    }
    if (reader.pending !== 0) throw new Error(`${reader.pending} bytes are left`)
    if (read.length !== frames.length) throw new Error(`${read.length} frames of ${frames.length}`)
    for (const [i, frame] of frames.entries()) if (!read[i]?.equals(frame)) throw new Error(`frame ${i} differs`)
    for (const frame of read) {
      if (frame.length > 4096 && frame.buffer.byteLength !== frame.length)
        throw new Error('a frame keeps more than it is')
    }
  })
})

test('a byte at a time gives the same frames', (t) => {
  const frames = ['', 'x', 'a longer body'].map((body) => Packet.make(0x30, newSeq(), 0, Buffer.from(body)).frame)
  const read: string[] = []
  const reader = new FrameReader((frame) => read.push(frame.toString('hex')))
  for (const byte of Buffer.concat(frames)) reader.push(Buffer.from([byte]))
  t.deepEqual(
    read,
    frames.map((frame) => frame.toString('hex')),
  )
})

for (const length of [0, 1, 41, FRAME_BYTES_MAX + 1, 0xffffffff]) {
  test(`a length of ${length} ends the stream, after the frames before it`, (t) => {
    const good = Packet.make(0x30, newSeq(), 0, Buffer.from('x')).frame
    const bad = Buffer.alloc(60)
    bad.writeUInt32BE(length)
    for (const cut of [1, 3, 4, 60]) {
      let frames = 0
      const reader = new FrameReader(() => frames++)
      const error = t.throws(() => {
        reader.push(Buffer.concat([good, bad.subarray(0, cut)]))
        reader.push(bad.subarray(cut))
      })
      t.true(error instanceof FrameError)
      t.is(frames, 1)
    }
  })
}

test('a claimed length of 100 MiB costs no more memory than twice what has come', (t) => {
  const before = process.memoryUsage().arrayBuffers
  const readers = Array.from({ length: 200 }, () => {
    const reader = new FrameReader(() => t.fail('a frame that has not come'))
    const head = Buffer.alloc(1000)
    head.writeUInt32BE(FRAME_BYTES_MAX)
    reader.push(head)
    reader.push(Buffer.alloc(1000))
    return reader
  })
  t.is(readers[0]?.pending, 2000)
  t.true(process.memoryUsage().arrayBuffers - before < 20 * 1048576)
})

test('a reader that is stopped by a frame hands over none behind it', (t) => {
  const frame = Packet.make(0x30, newSeq(), 0, Buffer.from('x')).frame
  let frames = 0
  const reader = new FrameReader(() => {
    frames++
    reader.stop()
  })
  reader.push(Buffer.concat([frame, frame, frame.subarray(0, 10)]))
  t.is(frames, 1)
  t.is(reader.pending, 0)
})
