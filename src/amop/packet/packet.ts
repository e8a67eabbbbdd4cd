import { Layout, s32be, struct, u16be, u32be } from 'buffer-layout'

// One frame of the channel protocol; integers are big-endian:
//
//   0        4       6                              38        42
//   +--------+-------+------------------------------+---------+----------+
//   | length | type  | seq: 32 ASCII characters     | result  | body ... |
//   | uint32 | uint16| opaque, echoed unchanged     | int32   | n bytes  |
//   +--------+-------+------------------------------+---------+----------+
//
// length counts the whole frame, so it is 42 + n.

/** Bytes before the body. */
export const HEADER_BYTES = 42

/** Bytes of a frame at most, both ways. Source: the C++ node ends a connection that says more. */
export const FRAME_BYTES_MAX = 104_857_600

const SEQ_BYTES = 32

/** Types of frames; hex as the protocol's own documents write them. */
export const PacketType = {
  RPC: 0x12,
  HEARTBEAT: 0x13,
  HANDSHAKE: 0x14,
  REGISTER_EVENT_LOG: 0x15,
  UNREGISTER_EVENT_LOG: 0x16,
  UNICAST: 0x30,
  RESPONSE: 0x31,
  SET_TOPICS: 0x32,
  MULTICAST: 0x35,
  VERIFY_REQUEST: 0x37,
  VERIFY_RESULT: 0x38,
} as const

interface Header {
  readonly length: number
  readonly type: number
  readonly seq: string
  readonly result: number
}

/** One character a byte, whatever the bytes are: a seq is compared and echoed, never understood. */
class SeqLayout extends Layout<string> {
  constructor(property: string) {
    super(SEQ_BYTES, property)
  }

  override decode(buffer: Buffer, offset = 0): string {
    return buffer.toString('latin1', offset, offset + SEQ_BYTES)
  }

  override encode(seq: string, buffer: Buffer, offset = 0): number {
    return buffer.write(seq, offset, SEQ_BYTES, 'latin1')
  }
}

const LENGTH = u32be('length')
const HEADER = struct<Header>([LENGTH, u16be('type'), new SeqLayout('seq'), s32be('result')])

/** The length that a frame says it has; four bytes are enough to ask. */
export function frameLength(buffer: Buffer, at: number): number {
  return LENGTH.decode(buffer, at)
}

/** One frame, read or made; its bytes are its own and are never changed, so many sessions may send the same ones. */
export class Packet {
  readonly type: number
  /** 32 characters of one byte each. */
  readonly seq: string
  /** 0 is success, see `ResultCode`. */
  readonly result: number
  /** The whole frame. */
  readonly frame: Buffer

  constructor(type: number, seq: string, result: number, frame: Buffer) {
    this.type = type
    this.seq = seq
    this.result = result
    this.frame = frame
  }

  /** @param frame one whole frame, at least `HEADER_BYTES` long, that is the packet's from now on. */
  static read(frame: Buffer): Packet {
    const { type, seq, result } = HEADER.decode(frame, 0)
    return new Packet(type, seq, result, frame)
  }

  /**
   * @param seq 32 characters of one byte each.
   * @throws RangeError for another seq, or when the frame would be longer than `FRAME_BYTES_MAX`.
   */
  static make(type: number, seq: string, result: number, body: Buffer): Packet {
    const packet = Packet.allocate(type, seq, result, body.length)
    packet.frame.set(body, HEADER_BYTES)
    return packet
  }

  /**
   * As `make`, with a body that its maker has to fill before anybody else sees it.
   * @param shared a small frame comes from Node's pool: for one that does not stay.
   */
  static allocate(type: number, seq: string, result: number, bodyBytes: number, shared = false): Packet {
    const length = HEADER_BYTES + bodyBytes
    if (seq.length !== SEQ_BYTES) throw new RangeError(`a seq has ${SEQ_BYTES} characters, not ${seq.length}`)
    if (length > FRAME_BYTES_MAX) throw new RangeError(`a frame of ${length} bytes is over ${FRAME_BYTES_MAX}`)
    const frame = shared ? Buffer.allocUnsafe(length) : Buffer.allocUnsafeSlow(length)
    HEADER.encode({ length, type, seq, result }, frame, 0)
    return new Packet(type, seq, result, frame)
  }

  get body(): Buffer {
    return this.frame.subarray(HEADER_BYTES)
  }

  /** The same body under another type, seq and result; itself when nothing changes. */
  as(type: number, seq: string, result = this.result): Packet {
    if (type === this.type && seq === this.seq && result === this.result) return this
    const frame = Buffer.allocUnsafeSlow(this.frame.length)
    frame.set(this.frame)
    HEADER.encode({ length: frame.length, type, seq, result }, frame, 0)
    return new Packet(type, seq, result, frame)
  }
}
