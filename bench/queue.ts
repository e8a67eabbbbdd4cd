import { Clock, silentLogger, Timers, Turn } from '../src/base/index.ts'
import { type BrokerContext, type EntityHost, MemoryAccount } from '../src/broker/host.ts'
import { type Consumer, Message } from '../src/broker/index.ts'
import { Queue } from '../src/broker/queue/index.ts'
import { Storage } from '../src/broker/storage/index.ts'
import { encodeProperties, fromObject, PropertyView, Table } from '../src/codec/index.ts'
import { MemoryJournal } from '../src/store/index.ts'

/*
 * What one message costs in the queue alone, in ns: no sockets, no routing, and consumers that only look at a byte.
 *
 *     node dist/bench/queue.js
 */

const memory = new MemoryAccount()
const clock = new Clock()
const journal = new MemoryJournal()
const context: BrokerContext = {
  clock,
  timers: new Timers(clock, { set: () => {}, clear: () => {} }),
  turn: new Turn(
    () => {},
    () => {},
  ),
  journal,
  log: silentLogger,
  memory,
  limits: { maxMessageSize: 1 << 24, consumerTimeoutMs: 0 },
  storage: new Storage(journal),
  propertyView: new PropertyView(),
}
const host: EntityHost = {
  name: '/',
  context,
  deadLetter: () => {},
  deleteQueue: () => {},
  publishFrom: () => {},
}

/** Takes what it gets and remembers the places, as a channel does. */
class BenchConsumer implements Consumer {
  readonly consumerTag = 'c'
  readonly noAck: boolean
  readonly exclusive = false
  readonly priority = 0
  readonly arguments = new Table()
  readonly places: Float64Array
  count = 0
  sum = 0

  constructor(noAck: boolean, prefetch: number) {
    this.noAck = noAck
    this.places = new Float64Array(prefetch)
  }

  ready(): boolean {
    return this.noAck || this.count < this.places.length
  }

  deliver(_queue: Queue, message: Message, place: number, redelivered: boolean): void {
    if (!this.noAck) this.places[this.count++] = place
    this.sum += (message.buffer[message.bodyAt] as number) + (redelivered ? 1 : 0)
  }

  cancelled(): void {}
}

const COUNT = 400_000
const ROUNDS = 4

function report(name: string, bytes: number, run: () => number): void {
  const rounds: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    const started = process.hrtime.bigint()
    const count = run()
    rounds.push(Number(process.hrtime.bigint() - started) / count)
  }
  rounds.shift() // warms up
  const text = `${Math.min(...rounds).toFixed(0)} - ${Math.max(...rounds).toFixed(0)}`
  console.log(`${name.padEnd(58)} ${String(bytes).padStart(6)} B  ${text.padStart(12)} ns`)
}

function queueOf(args: Record<string, unknown> = {}, durable = false): Queue {
  return new Queue(host, 'q', {
    durable,
    autoDelete: false,
    exclusiveOwner: undefined,
    arguments: fromObject(args),
  })
}

/** A message as it stands in a chunk, with frame heads between its parts. */
function inChunk(bytes: number, properties = {}): Message {
  const encoded = encodeProperties(properties)
  const message = Message.of('', 'queue-1', encoded, Buffer.alloc(bytes, 'x'))
  const chunk = Buffer.alloc(65536)
  message.buffer.copy(chunk, 11, 0, message.propertiesAt)
  message.buffer.copy(chunk, 64, message.propertiesAt, message.bodyAt)
  message.buffer.copy(chunk, 128, message.bodyAt)
  message.buffer = chunk
  message.exchangeAt += 11
  message.routingKeyAt += 11
  message.propertiesAt = 64
  message.bodyAt = 128
  message.owned = false
  return message
}

for (const bytes of [16, 1024]) {
  const message = inChunk(bytes)
  const persistent = inChunk(bytes, { deliveryMode: 2, headers: fromObject({ a: 1, b: 'text' }) })

  const handedOver = queueOf()
  handedOver.addConsumer(new BenchConsumer(true, 0))
  report('handed to a ready no-ack consumer', bytes, () => {
    for (let i = 0; i < COUNT; i++) handedOver.publish(message)
    return COUNT
  })
  report('the same with properties', bytes, () => {
    for (let i = 0; i < COUNT; i++) handedOver.publish(persistent)
    return COUNT
  })

  const acked = queueOf()
  const acking = new BenchConsumer(false, 1000)
  acked.addConsumer(acking)
  report('delivered at once, acknowledged by the hundred', bytes, () => {
    for (let i = 0; i < COUNT; i += 100) {
      for (let j = 0; j < 100; j++) acked.publish(message)
      for (let j = 0; j < 100; j++) acked.acknowledge(acking.places[j] as number)
      acking.count = 0
    }
    return COUNT
  })

  const lagging = queueOf()
  const slow = new BenchConsumer(false, 2000)
  lagging.addConsumer(slow)
  report('the same, 1,000 always unacknowledged', bytes, () => {
    for (let i = 0; i < COUNT; i += 100) {
      for (let j = 0; j < 100; j++) lagging.publish(message)
      if (slow.count < 1100) continue
      for (let j = 0; j < 100; j++) lagging.acknowledge(slow.places[j] as number)
      slow.places.copyWithin(0, 100, slow.count)
      slow.count -= 100
    }
    return COUNT
  })

  const stored = queueOf({}, true)
  const storing = new BenchConsumer(false, 1000)
  stored.addConsumer(storing)
  report('journalled, delivered at once, acknowledged by the hundred', bytes, () => {
    for (let i = 0; i < COUNT; i += 100) {
      for (let j = 0; j < 100; j++) if (stored.accept(persistent, true) >= 0) stored.arrived(persistent)
      for (let j = 0; j < 100; j++) stored.acknowledge(storing.places[j] as number)
      storing.count = 0
      context.storage.settlements.flush()
    }
    return COUNT
  })

  const limited = queueOf({ 'x-message-ttl': 60000, 'x-max-length': 1000, 'x-max-priority': 5 })
  report('into a full queue with TTL, length and priorities', bytes, () => {
    for (let i = 0; i < COUNT; i++) limited.publish(message)
    return COUNT
  })

  const filled = queueOf()
  const backlog = Math.min(COUNT, (256 * 1024 * 1024) / (bytes + 64))
  report('a backlog filled and drained without acks', bytes, () => {
    for (let i = 0; i < backlog; i++) filled.publish(message)
    const consumer = new BenchConsumer(true, 0)
    filled.addConsumer(consumer)
    filled.drain()
    while (filled.messageCount > 0) context.turn.run()
    filled.removeConsumer(consumer)
    return backlog
  })
  report('a backlog filled', bytes, () => {
    filled.purge()
    for (let i = 0; i < backlog; i++) filled.publish(message)
    return backlog
  })
  filled.markDeleted()
}
console.log(`memory in use at the end: ${memory.used} bytes`)
