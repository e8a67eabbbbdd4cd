import test, { type ExecutionContext } from 'ava'
import type { Message } from '../../../src/broker/index.ts'
import { fromObject } from '../../../src/codec/index.ts'
import { RecordingLogger } from '../../helpers/recording-logger.ts'
import { Random } from '../../store/random.ts'
import { FakeConsumer } from '../queue/fakes.ts'
import { StoredBroker, type StoredBrokerOptions } from './stored-broker.ts'

const MEBIBYTE = 1024 * 1024

/** A broker whose large messages all go to many queues. */
class Fan {
  readonly broker: StoredBroker
  readonly names: readonly string[]
  /** Bodies by number, and which of them each queue has. */
  readonly bodies = new Map<number, Buffer>()
  readonly expected = new Map<string, number[]>()
  #count = 0

  private constructor(broker: StoredBroker, queues: number) {
    this.broker = broker
    this.names = Array.from({ length: queues }, (_, index) => `q${index}`)
    const fanout = broker.vhost.exchange('amq.fanout')
    for (const name of this.names) {
      broker.vhost.bind(fanout, broker.queue(name), '', fromObject({}))
      this.expected.set(name, [])
    }
  }

  static async start(queues: number, options: StoredBrokerOptions = {}): Promise<Fan> {
    const broker = await StoredBroker.start({ messageMemory: MEBIBYTE, ...options })
    return new Fan(broker, queues)
  }

  /** Publishes until so many bytes of bodies have gone out. */
  async publish(bytes: number, size: () => number): Promise<void> {
    const { broker } = this
    while (bytes > 0) {
      const number = this.#count++
      const body = Buffer.alloc(size(), `<${number}>`)
      bytes -= body.length
      this.bodies.set(number, body)
      broker.publish('', body, { exchange: 'amq.fanout' })
      for (const name of this.names) this.expected.get(name)?.push(number)
      if (number % 10 === 0) await broker.turn()
      if (number % 100 === 0) await broker.checkpoint()
    }
    await this.quiet()
  }

  /** Takes and acknowledges the first messages of a queue. */
  async drain(name: string, count: number): Promise<void> {
    for (let left = count; left > 0; left -= 50) {
      this.broker.consume(name, Math.min(left, 50))
      await this.broker.turn()
    }
    this.expected.get(name)?.splice(0, count)
  }

  /** Takes them all and acknowledges those with these numbers; the others go back. */
  async acknowledge(name: string, isDone: (number: number) => boolean): Promise<void> {
    const queue = this.broker.queue(name)
    const numbers = this.expected.get(name) as number[]
    const places = numbers.map(() => this.broker.take(name))
    for (const [index, place] of places.entries()) {
      if (isDone(numbers[index] as number)) queue.acknowledge(place)
      else queue.requeue(place)
      if (index % 50 === 0) await this.broker.turn()
    }
    this.expected.set(
      name,
      numbers.filter((number) => !isDone(number)),
    )
  }

  /** Nothing is being moved any more. */
  async quiet(): Promise<void> {
    await this.broker.settled()
    await this.broker.until(() => {
      const { memory } = this.broker.node.context
      return memory.used <= 3 * MEBIBYTE
    })
    await this.broker.settled()
  }

  /** Bytes of the bodies that some queue has. */
  get liveBytes(): number {
    const live = new Set([...this.expected.values()].flat())
    return [...live].reduce((sum, number) => sum + (this.bodies.get(number) as Buffer).length, 0)
  }

  get segmentBytes(): number {
    return this.broker.node.context.storage.segments?.bytes ?? 0
  }

  /** Every queue has what it should have, byte for byte. */
  compare(t: ExecutionContext, names = this.names): void {
    for (const name of names) {
      const queue = this.broker.queue(name)
      const numbers = this.expected.get(name) as number[]
      t.is(queue.messageCount, numbers.length, name)
      const found = queue.peek(Number.MAX_SAFE_INTEGER)
      t.is(found.length, numbers.length, name)
      const wrong = found.findIndex(
        ({ body }, index) => !body.equals(this.bodies.get(numbers[index] as number) as Buffer),
      )
      t.is(wrong, -1, name)
    }
  }
}

function sizes(random: Random, from: number, to: number): () => number {
  return () => random.between(from, to)
}

for (const way of ['restarted', 'killed', 'cutOff'] as const) {
  test(`large messages of fifty queues lie on the disk once, also after it was ${way}`, async (t) => {
    const fan = await Fan.start(50)
    const { broker } = fan
    await fan.publish(5 * MEBIBYTE, sizes(new Random(1), 8 * 1024, 64 * 1024))
    t.true(fan.segmentBytes < 1.5 * fan.liveBytes, `${fan.segmentBytes} for ${fan.liveBytes}`)
    await broker[way]()
    fan.compare(t)
    await fan.publish(2 * MEBIBYTE, sizes(new Random(2), 8 * 1024, 64 * 1024))
    await broker.checkpoint()
    t.true(fan.segmentBytes < 1.5 * fan.liveBytes, `${fan.segmentBytes} for ${fan.liveBytes}`)
    t.true(broker.journal.bytes < MEBIBYTE)
    await broker[way]()
    fan.compare(t)
    for (const name of fan.names) await fan.drain(name, fan.expected.get(name)?.length ?? 0)
    await broker.settled()
    await broker.checkpoint()
    t.deepEqual(broker.files, [])
    t.is(broker.node.context.memory.bodies.size, 0)
    t.deepEqual([...broker.node.context.memory.bodies.files], [])
    broker.end()
  })
}

test('a body file goes when the last queue has done with it, and not before', async (t) => {
  const fan = await Fan.start(10)
  const { broker } = fan
  await fan.publish(8 * MEBIBYTE, () => 10_000)
  await broker.checkpoint()
  for (const name of fan.names.slice(1)) await fan.drain(name, fan.expected.get(name)?.length ?? 0)
  await broker.settled()
  await broker.checkpoint()
  t.true(fan.segmentBytes > fan.liveBytes && fan.segmentBytes < 1.2 * fan.liveBytes)
  await broker.cutOff()
  fan.compare(t)
  await fan.drain('q0', 400)
  await broker.settled()
  await broker.checkpoint()
  t.true(fan.segmentBytes < 1.6 * fan.liveBytes, `${fan.segmentBytes} for ${fan.liveBytes}`)
  await broker.killed()
  fan.compare(t)
  broker.end()
})

test('of a body file of which most is dead only the rest is kept', async (t) => {
  for (const way of ['restarted', 'killed', 'cutOff'] as const) {
    const fan = await Fan.start(6)
    const { broker } = fan
    await fan.publish(8 * MEBIBYTE, sizes(new Random(3), 8 * 1024, 32 * 1024))
    await broker.checkpoint()
    // Every queue keeps others, but none of most.
    for (const [index, name] of fan.names.entries()) {
      await fan.acknowledge(name, (number) => number % 20 > 3 || number % 3 === index % 3)
    }
    await fan.quiet()
    await broker.checkpoint()
    await broker.checkpoint()
    t.true(fan.segmentBytes < 2 * fan.liveBytes, `${fan.segmentBytes} for ${fan.liveBytes}`)
    await broker[way]()
    fan.compare(t)
    for (const name of fan.names) await fan.acknowledge(name, (number) => number % 20 > 0)
    await broker.checkpoint()
    await broker.checkpoint()
    t.true(fan.segmentBytes < 2 * fan.liveBytes, `${fan.segmentBytes} for ${fan.liveBytes}`)
    await broker[way]()
    fan.compare(t)
    broker.end()
  }
})

test('a damaged block of a body file costs each queue the messages in it and no others', async (t) => {
  const log = new RecordingLogger()
  const fan = await Fan.start(4, { log })
  const { broker } = fan
  await fan.publish(3 * MEBIBYTE, () => 10_000)
  await broker.checkpoint()
  await broker.restarted()
  const [file] = [...broker.node.context.memory.bodies.files]
  const id = file?.ref.id as number
  damage(broker, id, 3 * 65_536)
  const lost: string[] = []
  for (const name of fan.names) {
    const numbers = fan.expected.get(name) as number[]
    const found = broker.queue(name).peek(Number.MAX_SAFE_INTEGER).map(numberOf)
    const missing = numbers.filter((number) => !found.includes(number))
    t.true(missing.length >= 7 && missing.length <= 9, `${missing}`)
    t.is(broker.queue(name).messageCount, numbers.length - missing.length)
    fan.expected.set(name, found)
    lost.push(missing.join())
  }
  t.is(new Set(lost).size, 1)
  const errors = log.lines.filter(({ level }) => level === 'error').map(({ message }) => message)
  t.is(errors.length, 4)
  for (const error of errors)
    t.regex(error, new RegExp(`messages of queue 'q.' .* are lost: segment ${id} cannot be read`))
  await fan.quiet()
  await broker.until(() => broker.files.some((name) => name.startsWith('damaged-')))
  t.deepEqual(
    broker.files.filter((name) => name.startsWith('damaged-')),
    [`damaged-${String(id).padStart(10, '0')}.seg`],
  )
  await broker.cutOff()
  fan.compare(t)
  await broker.checkpoint()
  t.true(fan.segmentBytes < 2 * fan.liveBytes)
  await broker.restarted()
  fan.compare(t)
  broker.end()
})

test('what is in memory is not written to refer to a body file that is known to be damaged', async (t) => {
  const fan = await Fan.start(3, { messageMemory: 3 * MEBIBYTE })
  const { broker } = fan
  await fan.publish(2 * MEBIBYTE, () => 10_000)
  await broker.checkpoint()
  await broker.restarted()
  await fan.acknowledge('q0', (number) => number % 2 === 0)
  await broker.settled()
  const [file] = [...broker.node.context.memory.bodies.files]
  damage(broker, file?.ref.id as number, 3 * 65_536)
  // What q0 still has comes out of memory, all else is read.
  const found = broker.queue('q1').peek(Number.MAX_SAFE_INTEGER).map(numberOf)
  const missing = (fan.expected.get('q1') as number[]).filter((number) => !found.includes(number))
  t.true(missing.length >= 3 && missing.length <= 5 && missing.every((number) => number % 2 === 0), `${missing}`)
  fan.expected.set('q1', found)
  await broker.checkpoint()
  await broker.checkpoint()
  await broker.killed()
  fan.compare(t, ['q1'])
  broker.end()
})

test('a body file that is missing costs what lay in it, and a half-dead one that is damaged stays as it is', async (t) => {
  const log = new RecordingLogger()
  const fan = await Fan.start(3, { log })
  const { broker } = fan
  await fan.publish(4 * MEBIBYTE, () => 10_000)
  await broker.checkpoint()
  for (const name of fan.names) await fan.acknowledge(name, (number) => number % 4 > 0)
  await fan.quiet()
  const files = [...broker.node.context.memory.bodies.files]
  const [gone, bad] = files.map(({ ref }) => ref.id) as [number, number]
  damage(broker, bad, 0)
  broker.disk.directory('/data/segments').change({ kind: 'remove', name: `${String(gone).padStart(10, '0')}.seg` })
  await broker.checkpoint()
  await broker.checkpoint()
  t.true(broker.files.includes(`${String(bad).padStart(10, '0')}.seg`))
  await broker.killed()
  const [numbers] = [...fan.expected.values()] as [number[]]
  const counts = fan.names.map((name) => broker.queue(name).peek(Number.MAX_SAFE_INTEGER).length)
  t.true(
    counts.every((count) => count > 0 && count < numbers.length && count === counts[0]),
    counts.join(),
  )
  broker.end()
})

test('consumers of all queues read a body once, and nobody waits for the disk', async (t) => {
  const fan = await Fan.start(10)
  const { broker } = fan
  await fan.publish(4 * MEBIBYTE, () => 10_000)
  await broker.checkpoint()
  await broker.restarted()
  let bytes = 0
  broker.layer.options = {
    readFault: (path, _at, length) => {
      if (path.includes('.seg')) bytes += length
      return undefined
    },
  }
  broker.layer.openSync = () => {
    throw new Error('somebody waits for the disk')
  }
  const consumers = fan.names.map(() => new FakeConsumer())
  for (const [index, name] of fan.names.entries()) {
    broker.queue(name).addConsumer(consumers[index] as FakeConsumer)
    broker.node.context.turn.drain(broker.queue(name))
  }
  const count = (fan.expected.get('q0') as number[]).length
  await broker.until(() => consumers.every(({ deliveries }) => deliveries.length === count))
  for (const { deliveries } of consumers) {
    const numbers = deliveries.map(({ body }) => Number(/<(\d+)>/.exec(body)?.[1]))
    t.deepEqual(numbers, fan.expected.get('q0'))
  }
  t.true(bytes < 3 * fan.liveBytes, `${bytes} for ${fan.liveBytes}`)
  broker.end()
})

function damage(broker: StoredBroker, id: number, at: number): void {
  const node = broker.disk.file(`/data/segments/${String(id).padStart(10, '0')}.seg`)
  node.content = Buffer.from(node.content)
  const byte = node.content.length - 1 < at + 1000 ? 0 : at + 1000
  node.content[byte] = (node.content[byte] as number) ^ 0xff
  node.durable = node.content
}

function numberOf({ body }: Message): number {
  return Number(/<(\d+)>/.exec(body.subarray(0, 20).toString())?.[1])
}
