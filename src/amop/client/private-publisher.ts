import type { Clock, Timers } from '../../base/index.ts'
import { Packet, PacketType } from '../packet/packet.ts'
import { ResultCode } from '../packet/result-code.ts'
import { findTopic, fitsTopicBody, makeTopicPacket } from '../packet/topic-body.ts'
import type { Seqs } from '../seqs.ts'
import { isObject, parseJson } from '../session/json.ts'
import { isChallengeTopic, privateTopicOf, publisherTopicOf } from '../topic-names.ts'
import type { NodeConnection, Waiter } from './node-connection.ts'

/** How the subscribers of one private topic show that they may get its messages. */
export interface Verifier {
  newChallenge(): Buffer
  /** @returns the public key that has signed, 128 hex digits, when it is one that may get the topic. */
  check(challenge: Buffer, signature: Buffer): string | undefined
}

export interface PrivatePublisherOptions {
  readonly seqs: Seqs
  readonly clock: Clock
  readonly timers: Timers
  /** How long a subscriber may take to sign. */
  readonly timeoutMs: number
  verified(name: string, publicKey: string, connection: NodeConnection): void
  refused(name: string, connection: NodeConnection): void
}

interface Published {
  /** As the application calls the topic. */
  readonly name: string
  readonly verifier: Verifier
}

/** What a 0x37 says. */
interface VerificationRequest {
  /** Who is asked about; repeated in the verdict. */
  readonly nodeId: string
  readonly topic: string
  /** The name under which it is challenged. */
  readonly topicForCert: string
}

const JSON_BYTES_MAX = 65_536
const NO_BODY = Buffer.alloc(0)

/** The publisher's side of private topics: challenges subscribers when a node asks for it, as go-sdk and java-sdk do. */
export class PrivatePublisher {
  readonly #options: PrivatePublisherOptions
  readonly #published = new Map<string, Published>()

  constructor(options: PrivatePublisherOptions) {
    this.#options = options
  }

  /** The names by which nodes find this publisher. */
  *topics(): Generator<string> {
    for (const topic of this.#published.keys()) yield publisherTopicOf(topic)
  }

  add(name: string, verifier: Verifier): void {
    this.#published.set(privateTopicOf(name), { name, verifier })
  }

  remove(name: string): boolean {
    return this.#published.delete(privateTopicOf(name))
  }

  /** A node asks about a subscriber. */
  verify(connection: NodeConnection, request: Packet): void {
    connection.answer(Packet.make(PacketType.VERIFY_REQUEST, request.seq, ResultCode.SUCCESS, NO_BODY))
    const json = parseJson(request.body, JSON_BYTES_MAX)
    const { nodeId, topic, topicForCert } = isObject(json) ? json : {}
    if (typeof nodeId !== 'string' || typeof topic !== 'string' || typeof topicForCert !== 'string') return
    const published = this.#published.get(topic)
    // A node has no business with any other topic of ours.
    if (published === undefined || !isChallengeTopic(topicForCert, topic) || !fitsTopicBody(topicForCert)) return
    this.#challenge(connection, published, { nodeId, topic, topicForCert })
  }

  /** Over the connection that asked: the subscriber may be unknown to other nodes. */
  #challenge(connection: NodeConnection, { name, verifier }: Published, asked: VerificationRequest): void {
    const { seqs, clock, timers, timeoutMs } = this.#options
    const challenge = verifier.newChallenge()
    const packet = makeTopicPacket(PacketType.UNICAST, seqs.next(), 0, asked.topicForCert, challenge)
    // No signature says nothing about a key: the node asks again.
    const timer = timers.schedule(clock.now + timeoutMs, () => connection.forget(packet.seq))
    const waiter: Waiter = {
      answerType: PacketType.RESPONSE,
      answered: (_, { result, frame }) => {
        timers.cancel(timer)
        const place = result === ResultCode.SUCCESS ? findTopic(frame) : undefined
        if (place === undefined) return
        this.#say(connection, name, asked, verifier.check(challenge, frame.subarray(place.dataAt)))
      },
      lost: () => timers.cancel(timer),
    }
    if (!connection.request(packet, waiter)) timers.cancel(timer)
  }

  #say(
    connection: NodeConnection,
    name: string,
    { nodeId, topic }: VerificationRequest,
    publicKey: string | undefined,
  ): void {
    const { seqs, verified, refused } = this.#options
    const verdict = JSON.stringify({ checkResult: publicKey === undefined ? 1 : 0, nodeId, topic })
    connection.answer(Packet.make(PacketType.VERIFY_RESULT, seqs.next(), 0, Buffer.from(verdict)))
    if (publicKey === undefined) refused(name, connection)
    else verified(name, publicKey, connection)
  }
}
