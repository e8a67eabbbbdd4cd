import type { Drainable, Timer } from '../../base/index.ts'
import { type BrokerContext, type Consumer, entity, type Message, MessageMark, type Queue } from '../../broker/index.ts'
import { Table } from '../../codec/index.ts'
import type { AmopContext } from '../context.ts'
import { FRAME_BYTES_MAX, type Packet, PacketType } from '../packet/packet.ts'
import { ResultCode } from '../packet/result-code.ts'
import { makeTopicPacket, topicFrameBytes } from '../packet/topic-body.ts'
import { FULL_ACCESS } from '../permissions/permissions.ts'
import { pathOf } from '../queue-path.ts'
import type { Listener } from '../router/listener.ts'
import type { Message as AmopMessage } from '../router/message.ts'
import type { Publisher } from '../router/publisher.ts'
import type { TopicWatcher } from '../router/topic-table.ts'
import { Unicast } from '../router/unicast.ts'
import { type DeliverArguments, topicOf } from './arguments.ts'
import type { OutgoingBytes } from './outgoing-bytes.ts'

/** How long nothing is tried after a failure: doubled with each in a row, until one has been answered. */
const RETRY_MS_MIN = 100
const RETRY_MS_MAX = 5_000

/** Body bytes on their way at a time; one message may be larger. */
const IN_FLIGHT_BYTES_MAX = 4 * 1024 * 1024

/** A message on its way. */
interface Delivery {
  readonly place: number
  readonly seq: string
  readonly bytes: number
  /** The queues that have sent it to a topic, this one last. */
  readonly path: readonly string[]
  /** Why nobody can be sent it. */
  readonly problem: string | undefined
  readonly isDeadLetter: boolean
  /** Undefined once it has been sent, and for one that nobody can be sent. */
  packet: Packet | undefined
}

/**
 * The broker as consumer of one queue: its messages go to a topic while somebody listens there.
 *
 * They leave in the queue's order, a few at a time. When one fails, nothing new leaves until all that were on their way
 * with it have come back, and then it is sent again before all others, after a while or when somebody else begins to
 * listen. So order holds up to those that were on their way together.
 */
export class QueueDeliverer implements Consumer, Publisher, TopicWatcher, Drainable {
  readonly consumerTag = 'amop.deliver'
  readonly noAck = false
  readonly exclusive = false
  readonly priority = 0
  readonly arguments = new Table()
  readonly name: string
  readonly identity: string
  /** Who declared the queue was asked for permission then. */
  readonly access = FULL_ACCESS
  /** A multicast that comes back to its queue leaves it under another seq. */
  readonly sendsOnce = true
  unanswered = 0
  drainMarked = false
  readonly #amop: AmopContext
  readonly #broker: BrokerContext
  readonly #queue: Queue
  readonly #topic: string
  readonly #type: number
  readonly #prefetch: number
  readonly #outgoing: OutgoingBytes
  /** That of all messages that have been in no other such queue. */
  readonly #ownPath: readonly string[]
  /** Taken from the queue in this turn, to be sent at the end of it: a queue hands out in the middle of a publish. */
  #unsent: Delivery[] = []
  /** All that were taken and are not settled, by seq. */
  readonly #inFlight = new Map<string, Delivery>()
  #inFlightBytes = 0
  #listening = false
  /** One has failed, and others are still on their way. */
  #recovering = false
  #failuresInARow = 0
  #retryTimer: Timer | undefined
  #closed = false

  constructor(
    amop: AmopContext,
    broker: BrokerContext,
    queue: Queue,
    { topic, mode, prefetch }: DeliverArguments,
    outgoing: OutgoingBytes,
  ) {
    this.#amop = amop
    this.#broker = broker
    this.#queue = queue
    this.#topic = topic
    this.#type = mode === 'multicast' ? PacketType.MULTICAST : PacketType.UNICAST
    this.#prefetch = prefetch
    this.#outgoing = outgoing
    this.#ownPath = [queue.name]
    this.name = entity('queue', queue.name, queue.host.name)
    this.identity = `queue ${queue.uid}`
  }

  start(): void {
    this.#amop.router.table.watch(this.#topic, this)
    this.#look()
    this.#queue.setInternalConsumer(this)
  }

  /** What is on its way may still arrive; the queue gets no answer any more. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#amop.router.table.unwatch(this.#topic, this)
    this.#amop.timers.cancel(this.#retryTimer)
    for (const { packet, bytes } of this.#unsent) if (packet !== undefined) this.#outgoing.remove(bytes)
    this.#unsent = []
    const inFlight = [...this.#inFlight.values()]
    this.#inFlight.clear()
    if (this.#queue.deleted) return
    this.#queue.setInternalConsumer(undefined)
    for (const { place } of inFlight) this.#queue.requeue(place, false)
  }

  cancelled(): void {
    this.close()
  }

  /** What would bring its messages back: bindings to the topic of this queue, or of another that delivers to it. */
  excludes(listener: Listener): boolean {
    const { queue } = listener
    if (queue === undefined) return listener.leadsTo?.(this.#queue) === true
    return queue === this.#queue || topicOf(queue) === this.#topic
  }

  pathOf({ seq }: AmopMessage): readonly string[] {
    return this.#inFlight.get(seq)?.path ?? this.#ownPath
  }

  joined(listener: Listener): void {
    if (this.excludes(listener)) return
    this.#look()
    if (!this.#listening) return
    // Perhaps the one that will take what others have not.
    this.#failuresInARow = 0
    this.#goOn()
  }

  left(): void {
    this.#look()
    if (!this.#listening) this.#stopWaiting()
  }

  ready(): boolean {
    if (!this.#listening || this.#recovering || this.#retryTimer !== undefined || this.#closed) return false
    const { size } = this.#inFlight
    if (size >= this.#prefetch || (size > 0 && this.#inFlightBytes >= IN_FLIGHT_BYTES_MAX)) return false
    return this.#outgoing.hasRoom(this.#queue)
  }

  deliver({ name }: Queue, message: Message, place: number): void {
    const { buffer, bodyAt, bodyLength, marks } = message
    const seq = this.#amop.seqs.next()
    const before = pathOf(message)
    const path = before.length === 0 ? this.#ownPath : [...before, name]
    const problem = this.#problemOf(bodyLength, before)
    let packet: Packet | undefined
    if (problem === undefined) {
      const data = buffer.subarray(bodyAt, bodyAt + bodyLength)
      packet = makeTopicPacket(this.#type, seq, ResultCode.SUCCESS, this.#topic, data)
      this.#outgoing.add(bodyLength)
    }
    const isDeadLetter = (marks & MessageMark.DEAD_LETTER) !== 0
    const delivery = { place, seq, bytes: bodyLength, path, problem, isDeadLetter, packet }
    this.#inFlight.set(seq, delivery)
    this.#inFlightBytes += bodyLength
    this.#unsent.push(delivery)
    this.#broker.turn.drain(this)
  }

  /** End of a turn: sends what the queue has handed out. */
  drain(): void {
    const unsent = this.#unsent
    this.#unsent = []
    for (const delivery of unsent) {
      const { packet } = delivery
      delivery.packet = undefined
      if (packet !== undefined) this.#outgoing.remove(delivery.bytes)
      // Back in its queue already, when the deliverer was closed by what it has sent.
      if (!this.#inFlight.has(delivery.seq)) continue
      if (packet === undefined) this.#giveUp(delivery)
      else this.#send(delivery, packet)
    }
  }

  answered(message: AmopMessage, answer: Packet): void {
    const delivery = this.#inFlight.get(message.seq)
    if (delivery === undefined || this.#type === PacketType.MULTICAST) return
    if (answer.result === ResultCode.SUCCESS) this.#arrived(delivery)
    else this.#failed(delivery, answer.result, message instanceof Unicast && message.wasTaken)
  }

  #send(delivery: Delivery, packet: Packet): void {
    const { router } = this.#amop
    // One before it has failed, or the last listener has gone, since the queue handed it out: it has not been tried.
    if (this.#recovering || !this.#listening) {
      this.#putBack(delivery, false)
    } else if (this.#type === PacketType.UNICAST) {
      router.unicast(this, packet)
    } else if (router.multicast(this, packet) > 0) {
      this.#arrived(delivery)
    } else {
      this.#failed(delivery, ResultCode.NO_LISTENER, false)
    }
  }

  #arrived(delivery: Delivery): void {
    this.#remove(delivery)
    if (!this.#recovering) this.#failuresInARow = 0
    this.#queue.acknowledge(delivery.place)
    this.#settled()
  }

  /** @param wasTaken a listener has had it: that counts against the delivery limit of a queue that has one. */
  #failed(delivery: Delivery, code: number, wasTaken: boolean): void {
    const { log } = this.#amop
    if (this.#failuresInARow === 0) {
      log.warn(`amop: a message of ${this.name} could not be delivered and is kept`, {
        seq: delivery.seq,
        topic: this.#topic,
        code,
      })
    }
    if (!this.#recovering) this.#failuresInARow++
    this.#putBack(delivery, wasTaken)
  }

  #putBack(delivery: Delivery, counts: boolean): void {
    this.#recovering = true
    this.#remove(delivery)
    this.#queue.requeue(delivery.place, counts)
    this.#settled()
  }

  #problemOf(bytes: number, before: readonly string[]): string | undefined {
    if (before.includes(this.#queue.name)) return 'it has come back from its topic'
    if (topicFrameBytes(this.#topic, bytes) > FRAME_BYTES_MAX) return 'no frame can carry it'
    return undefined
  }

  /** Nobody can ever be sent it. */
  #giveUp(delivery: Delivery): void {
    this.#remove(delivery)
    const { place, bytes, path, problem, isDeadLetter } = delivery
    this.#amop.log.warn(`amop: a message of ${this.name} is ${isDeadLetter ? 'dropped' : 'rejected'}, as ${problem}`, {
      topic: this.#topic,
      bytes,
      frameBytesMax: FRAME_BYTES_MAX,
      path: path.join(' '),
    })
    // A dead-letter exchange may lead to here, at once and for ever.
    if (isDeadLetter) this.#queue.acknowledge(place)
    else this.#queue.reject(place)
    this.#settled()
  }

  #remove(delivery: Delivery): void {
    this.#inFlight.delete(delivery.seq)
    this.#inFlightBytes -= delivery.bytes
  }

  #settled(): void {
    if (this.#closed) return
    if (!this.#recovering) {
      this.#broker.turn.drain(this.#queue)
    } else if (this.#inFlight.size === 0) {
      this.#recovering = false
      if (this.#listening) this.#tryLater()
    }
  }

  #tryLater(): void {
    const { clock, timers } = this.#amop
    if (this.#failuresInARow === 0) {
      this.#goOn()
      return
    }
    const delay = Math.min(RETRY_MS_MIN * 2 ** (this.#failuresInARow - 1), RETRY_MS_MAX)
    this.#retryTimer ??= timers.schedule(clock.now + delay, () => this.#goOn())
  }

  #goOn(): void {
    this.#stopWaiting()
    this.#broker.turn.drain(this.#queue)
  }

  #stopWaiting(): void {
    this.#amop.timers.cancel(this.#retryTimer)
    this.#retryTimer = undefined
  }

  #look(): void {
    this.#listening = this.#amop.router.reaches(this, this.#topic, this.#type)
  }
}
