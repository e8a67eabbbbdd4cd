import type { Packet } from '../packet/packet.ts'
import type { Publisher } from './publisher.ts'

/** A message on its way: the frame as its publisher made it, and what has been read from it. */
export class Message {
  readonly publisher: Publisher
  /** The publisher's seq, by which its way can be followed. */
  readonly seq: string
  /** Undefined when the bytes of the topic are no text. */
  readonly topic: string | undefined
  packet: Packet
  /** Offset of the data in the packet's frame. */
  readonly dataAt: number
  /** For listeners that take a message once for several of them: what they have made of it. */
  handover: unknown = undefined

  constructor(publisher: Publisher, packet: Packet, topic: string | undefined, dataAt: number) {
    this.publisher = publisher
    this.seq = packet.seq
    this.topic = topic
    this.packet = packet
    this.dataAt = dataAt
  }

  /** What the application sent; a view of the frame. */
  get data(): Buffer {
    return this.packet.frame.subarray(this.dataAt)
  }
}
