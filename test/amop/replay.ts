import type { AmopSettings } from '../../src/amop/index.ts'
import { Packet, PacketType } from '../../src/amop/index.ts'
import { describe, TestAmop, type TestSdk } from './harness.ts'
import type { RecordedLine, Recording } from './recording.ts'

/** Cuts what an SDK sends in one go into the reads by which it comes. */
export type Cut = (bytes: Buffer) => Buffer[]

const PUSHES: ReadonlySet<number> = new Set([PacketType.UNICAST, PacketType.VERIFY_REQUEST])

/**
 * Lets a node hear what the SDKs of a recording sent, and compares what it says with what the node of the recording said:
 * every frame, byte for byte, on its connection and in its order. Only what a node makes up may differ: seqs of its own,
 * and node ids in requests for verification; SDKs that repeat them are given the new ones.
 *
 * A unicast of a recording must have one candidate: whom chance would choose is not recorded.
 */
export class Replay {
  readonly #recording: Recording
  readonly #cut: Cut
  readonly #node: TestAmop
  readonly #sdks = new Map<number, TestSdk>()
  /** What the recorded node made up, and what this one has in its place. */
  readonly #made = new Map<string, string>()
  /** Seqs that SDKs made. */
  readonly #sdkSeqs = new Set<string>()
  #nowMs = 0

  constructor(recording: Recording, cut: Cut) {
    this.#recording = recording
    this.#cut = cut
    this.#node = new TestAmop({ settings: recording.settings as Partial<AmopSettings> })
  }

  /** @throws Error that says what is otherwise, and in which line's place. */
  run(): void {
    for (const [index, line] of this.#recording.lines.entries()) {
      try {
        this.#play(line)
      } catch (error) {
        throw new Error(`entry ${index + 1}, connection ${line.connection}: ${(error as Error).message}`, {
          cause: error,
        })
      }
    }
    for (const [connection, sdk] of this.#sdks) {
      const left = sdk.transport.take()
      if (left !== undefined) throw new Error(`connection ${connection} also got ${describe(left)}`)
    }
    if (this.#node.internalErrors.length > 0) throw new Error(this.#node.internalErrors.join('\n'))
  }

  #play(line: RecordedLine): void {
    // A node that was quicker than the recorded one has nothing to wait for.
    if (line.ms > this.#nowMs) this.#node.advance(line.ms - this.#nowMs)
    this.#nowMs = Math.max(this.#nowMs, line.ms)
    if (line.kind === 'open') {
      this.#sdks.set(line.connection, this.#node.connect(line.certificate))
      return
    }
    const sdk = this.#sdks.get(line.connection)
    if (sdk === undefined) throw new Error('the connection is not open')
    switch (line.kind) {
      case 'sent':
        for (const part of this.#cut(this.#translated(line.bytes))) sdk.transmit(part)
        return
      case 'said':
        this.#compare(line.bytes, sdk.transport.take())
        return
      case 'end':
        sdk.disconnect()
        return
      case 'cut':
        if (sdk.transport.closedBecause === undefined) throw new Error('the node should have closed it')
    }
  }

  /** What an SDK sent, with what it repeats of the node's. */
  #translated(bytes: Buffer): Buffer {
    if (bytes.length < 42) return bytes
    const { type, seq, result, body } = Packet.read(bytes)
    const made = this.#made.get(seq)
    if (made === undefined) this.#sdkSeqs.add(seq)
    if (type !== PacketType.VERIFY_RESULT) return made === undefined ? bytes : withSeq(bytes, made)
    let text = body.toString()
    for (const [recorded, actual] of this.#made) text = text.replaceAll(recorded, actual)
    return Packet.make(type, made ?? seq, result, Buffer.from(text)).frame
  }

  #compare(bytes: Buffer, actual: Packet | undefined): void {
    const expected = Packet.read(bytes)
    const { seq } = expected
    if (actual === undefined || actual.type !== expected.type || actual.result !== expected.result)
      differs(expected, actual)
    const ownSeq = PUSHES.has(expected.type) && !this.#sdkSeqs.has(seq)
    if (ownSeq) this.#maps(seq, actual.seq)
    else if (actual.seq !== (this.#made.get(seq) ?? seq)) differs(expected, actual)
    if (expected.type === PacketType.VERIFY_REQUEST) this.#compareRequests(expected, actual)
    else if (!actual.body.equals(expected.body)) differs(expected, actual)
  }

  #compareRequests(expected: Packet, actual: Packet): void {
    const { nodeId: recorded, ...rest } = JSON.parse(expected.body.toString())
    const { nodeId, ...others } = JSON.parse(actual.body.toString())
    if (JSON.stringify(rest) !== JSON.stringify(others)) differs(expected, actual)
    if (!/^[0-9a-f]{128}$/.test(nodeId)) differs(expected, actual)
    this.#maps(recorded, nodeId)
  }

  #maps(recorded: string, actual: string): void {
    const known = this.#made.get(recorded)
    if (known !== undefined && known !== actual) throw new Error(`${actual} stands where ${known} stood before`)
    this.#made.set(recorded, actual)
  }
}

function differs(expected: Packet, actual: Packet | undefined): never {
  throw new Error(`expected ${describe(expected)}, got ${describe(actual)}`)
}

function withSeq(bytes: Buffer, seq: string): Buffer {
  const copy = Buffer.from(bytes)
  copy.write(seq, 6, 'latin1')
  return copy
}
