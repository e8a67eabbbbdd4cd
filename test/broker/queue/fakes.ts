import { Timers, Turn } from '../../../src/base/index.ts'
import type { Consumer } from '../../../src/broker/consumer.ts'
import { deadLetterMessage } from '../../../src/broker/dead-letter.ts'
import type { Exchange } from '../../../src/broker/exchange/index.ts'
import { type BrokerContext, type DeathReason, type EntityHost, MemoryAccount } from '../../../src/broker/host.ts'
import { Message } from '../../../src/broker/message.ts'
import { Queue } from '../../../src/broker/queue/queue.ts'
import { RecordType, SettledRecord, Storage } from '../../../src/broker/storage/index.ts'
import { encodeProperties, fromObject, type Properties, PropertyView, Table } from '../../../src/codec/index.ts'
import type { Journal, JournalRecord, JournalWaiter, Segments } from '../../../src/store/index.ts'
import { ManualTime } from '../../helpers/manual-time.ts'
import { RecordingLogger } from '../../helpers/recording-logger.ts'

/** A moment in 2026, so that expiries need more than 32 bits. */
const START = 1_770_000_000_000

export interface JournalEntry {
  readonly type: number
  readonly bytes: Buffer
}

/** Keeps what was appended, as bytes, and completes it at once or when the test says so. */
export class RecordingJournal implements Journal {
  readonly records: JournalEntry[] = []
  /** Those of type SETTLED. */
  readonly settled: SettledRecord[] = []
  readonly pendingBytes = 0
  appended = 0
  completed = 0
  /** Nothing completes before `complete`. */
  late = false
  readonly #flushing: (() => void)[] = []

  append(record: JournalRecord, type = 0): number {
    const bytes = Buffer.alloc(record.byteLength())
    record.write(bytes, 0)
    this.records.push({ type, bytes })
    if (type === RecordType.SETTLED) this.settled.push(new SettledRecord().read(bytes, 0))
    this.appended++
    if (!this.late) this.completed = this.appended
    return this.appended
  }

  complete(): void {
    this.completed = this.appended
    for (const flushed of this.#flushing.splice(0)) flushed()
  }

  beginGroup(): void {}
  endGroup(): void {}
  commit(): void {}
  addWaiter(_waiter: JournalWaiter): void {}
  removeWaiter(_waiter: JournalWaiter): void {}

  async flush(): Promise<void> {
    if (this.completed < this.appended) await new Promise<void>((resolve) => this.#flushing.push(resolve))
  }

  async close(): Promise<void> {}
}

export interface DeadLetter {
  readonly queue: string
  readonly reason: DeathReason
  readonly body: string
  readonly message: Message
}

/** A vhost that only notes what its queues ask of it, and whose time stands still until it is told. */
export class FakeHost implements EntityHost {
  readonly name = '/'
  readonly context: BrokerContext
  readonly memory = new MemoryAccount()
  readonly journal = new RecordingJournal()
  readonly log = new RecordingLogger()
  readonly deadLetters: DeadLetter[] = []
  readonly deleted: Queue[] = []
  /** Called with each dead letter, to send it on. */
  onDeadLetter: ((letter: DeadLetter) => void) | undefined
  readonly #time: ManualTime

  /**
   * @param segments where its queues may put what does not stay in memory
   * @param now ms since the epoch
   */
  constructor(segments?: Segments, now = START) {
    this.#time = new ManualTime(now)
    const { clock } = this.#time
    this.context = {
      clock,
      timers: new Timers(clock, this.#time),
      // A turn ends when the test says so.
      turn: new Turn(
        () => {
          this.context.storage.settlements.flush()
          this.context.storage.sweep()
        },
        () => {},
      ),
      journal: this.journal,
      log: this.log,
      memory: this.memory,
      limits: { maxMessageSize: 1 << 24, consumerTimeoutMs: 0 },
      storage: new Storage(this.journal, segments),
      propertyView: new PropertyView(),
    }
  }

  get now(): number {
    return this.#time.now
  }

  /** Time passes; timers that fall due fire at their time, each in its order. */
  advance(ms: number): void {
    this.#time.advance(ms)
  }

  /** Ends turns until nothing is left to be done. */
  settle(): void {
    for (let turn = 0; turn < 10; turn++) this.context.turn.run()
  }

  queue(name: string, args: Record<string, unknown> = {}, options: Partial<Queue> = {}): Queue {
    return new Queue(this, name, {
      ...(options.uid === undefined ? {} : { uid: options.uid }),
      durable: options.durable ?? args['x-queue-type'] === 'quorum',
      autoDelete: options.autoDelete ?? false,
      exclusiveOwner: options.exclusiveOwner,
      arguments: fromObject(args),
    })
  }

  deadLetter(queue: Queue, message: Message, reason: DeathReason): void {
    const dead = deadLetterMessage(message, {
      queue: queue.name,
      reason,
      exchange: queue.deadLetterExchange as string,
      routingKey: queue.deadLetterRoutingKey,
      now: this.now,
    })
    const letter = { queue: queue.name, reason, body: message.body.toString(), message: dead }
    this.deadLetters.push(letter)
    this.onDeadLetter?.(letter)
  }

  deleteQueue(queue: Queue): void {
    this.deleted.push(queue)
    queue.markDeleted()
  }

  publishFrom(_exchange?: Exchange, _message?: Message): void {}
}

export interface Delivery {
  readonly body: string
  readonly place: number
  readonly redelivered: boolean
  readonly exchange: string
  readonly routingKey: string
  readonly properties: Properties
  readonly owned: boolean
}

/** A consumer that keeps what it gets, as many at a time as it is told to. */
export class FakeConsumer implements Consumer {
  readonly consumerTag: string
  readonly noAck: boolean
  readonly exclusive: boolean
  readonly priority: number
  readonly arguments = new Table()
  readonly deliveries: Delivery[] = []
  /** How many more it takes. */
  credit: number
  /** How often the queue asked whether it is ready. */
  asked = 0
  wasCancelled = false
  onDelivery: ((queue: Queue, place: number) => void) | undefined

  constructor(options: Partial<Consumer> & { credit?: number } = {}) {
    this.consumerTag = options.consumerTag ?? 'c'
    this.noAck = options.noAck ?? false
    this.exclusive = options.exclusive ?? false
    this.priority = options.priority ?? 0
    this.credit = options.credit ?? Number.POSITIVE_INFINITY
  }

  get bodies(): string[] {
    return this.deliveries.map((delivery) => delivery.body)
  }

  get places(): number[] {
    return this.deliveries.map((delivery) => delivery.place)
  }

  ready(): boolean {
    this.asked++
    return this.credit > 0
  }

  deliver(queue: Queue, message: Message, place: number, redelivered: boolean): void {
    this.credit--
    this.deliveries.push({
      body: message.body.toString(),
      place,
      redelivered,
      exchange: message.exchange,
      routingKey: message.routingKey,
      properties: message.properties(new PropertyView()).toObject(),
      owned: message.owned,
    })
    this.onDelivery?.(queue, place)
  }

  cancelled(): void {
    this.wasCancelled = true
  }
}

/** A message as it stands in a connection's chunk: its bytes are somebody else's and lie apart. */
export function inChunk(body: string | Buffer, properties: Properties = {}, exchange = 'x', routingKey = 'k'): Message {
  const { buffer, propertiesAt, propertiesLength, bodyAt, bodyLength } = Message.of(
    exchange,
    routingKey,
    encodeProperties(properties),
    Buffer.from(body),
  )
  const gap = Buffer.from('---')
  const message = new Message()
  message.buffer = Buffer.concat([
    gap,
    buffer.subarray(0, propertiesAt),
    gap,
    buffer.subarray(propertiesAt, propertiesAt + propertiesLength),
    gap,
    buffer.subarray(bodyAt, bodyAt + bodyLength),
    gap,
  ])
  message.exchangeAt = gap.length
  message.routingKeyAt = gap.length + 1 + Buffer.byteLength(exchange)
  message.propertiesAt = propertiesAt + 2 * gap.length
  message.propertiesLength = propertiesLength
  message.bodyAt = bodyAt + 3 * gap.length
  message.bodyLength = bodyLength
  return message
}

/** Bodies of the ready messages, first to last. */
export function bodies(queue: Queue): string[] {
  return queue.peek(Number.POSITIVE_INFINITY).map((message) => message.body.toString())
}

/** Takes one message as basic.get does; undefined when there is none. */
export function get(queue: Queue, noAck = false): { body: string; place: number; redelivered: boolean } | undefined {
  const view = new Message()
  const place = queue.get(view, noAck)
  return place < 0 ? undefined : { body: view.body.toString(), place, redelivered: queue.lastRedelivered }
}
