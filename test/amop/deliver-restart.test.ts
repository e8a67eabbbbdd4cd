import test from 'ava'
import { type AmopContext, type Packet, SdkSession } from '../../src/amop/index.ts'
import { encodeQueueDeclare, fromObject, QUEUE_DECLARE_OK } from '../../src/codec/index.ts'
import type { BrokerNode } from '../../src/server/node.ts'
import { TestNode } from '../amqp/harness.ts'
import { NodeHost } from '../durability/node-host.ts'
import { type Recorded, RecordingJournal } from '../helpers/recording-journal.ts'
import { restart } from '../helpers/restart.ts'
import { until } from '../helpers/until.ts'
import { Disk } from '../store/disk.ts'
import { Random } from '../store/random.ts'
import { RecordingTransport, read, Sdk } from './harness.ts'
import { OfflineBench } from './offline.ts'

const NEWS = { 'x-amop-deliver': 'news' }

/** The broker as it comes back, with AMOP wired before anything is recovered, or after. */
function comeBack(records: readonly Recorded[], wired: 'before' | 'after') {
  let bench: OfflineBench | undefined
  const again = restart(records, undefined, (node) => {
    if (wired === 'before') bench = new OfflineBench({}, node)
  })
  bench ??= new OfflineBench({}, again.node)
  return { bench, journal: again.journal }
}

test('after a kill a late SDK gets everything that was not answered, in order', (t) => {
  for (const wired of ['before', 'after'] as const) {
    const journal = new RecordingJournal()
    const bench = new OfflineBench({}, new TestNode({ journal }))
    bench.declare('q', NEWS, true)
    const numbers = bench.publishNumbers('q', 30)
    const sdk = bench.subscriber('news')
    const sent = sdk.takeAll()
    for (const message of sent.slice(0, 3)) sdk.answer(message)
    sdk.takeAll()
    const back = comeBack(journal.records, wired)
    t.is(back.bench.delivery.queueCount, 1, wired)
    t.is(back.bench.queue('q').messageCount, 27)
    t.deepEqual(back.bench.subscriber('news').serve(), numbers.slice(3), wired)
    t.is(back.bench.queue('q').messageCount, 0)
    t.deepEqual(back.bench.internalErrors, [])
  }
})

test('however often it is killed and whatever its SDKs do, nothing is lost and the order stays', (t) => {
  const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31))
  t.log(`SEED=${seed}`)
  const random = new Random(seed)
  const records: Recorded[] = []
  let journal = new RecordingJournal()
  let bench = new OfflineBench({}, new TestNode({ journal }))
  bench.declare('q', { ...NEWS, 'x-amop-deliver-prefetch': 1 }, true)
  let published = 0
  const handled: number[] = []
  for (let round = 0; round < 60; round++) {
    for (let count = random.between(0, 5); count > 0; count--) bench.publish('q', String(++published))
    let sdk = bench.subscriber('news')
    for (let step = random.between(0, 8); step > 0; step--) {
      const [message] = sdk.takeAll()
      if (message === undefined) break
      const choice = random.between(0, 5)
      if (choice === 0) {
        sdk.disconnect()
        sdk = bench.subscriber('news')
      } else if (choice === 1) {
        sdk.answer(message, '', 1)
        bench.node.advance(5000)
      } else if (choice === 2) {
        bench.node.advance(10_000)
      } else {
        const { stats } = bench.queue('q')
        const before = stats.acknowledged
        sdk.answer(message)
        // An answer that comes too late is none: the message comes again.
        if (stats.acknowledged > before) handled.push(Number(message.text))
      }
    }
    if (random.between(0, 2) > 0) {
      sdk.disconnect()
      continue
    }
    records.push(...journal.records)
    const back = comeBack(records, random.between(0, 1) === 0 ? 'before' : 'after')
    journal = back.journal
    bench = back.bench
  }
  handled.push(...bench.subscriber('news').serve().map(Number))
  const all = Array.from({ length: published }, (_, index) => index + 1)
  t.true(published > 50)
  t.deepEqual(handled, all)
})

/** An SDK of a broker whose turns are the process's own. */
class LiveSdk extends Sdk {
  readonly #node: BrokerNode
  readonly #transport = new RecordingTransport()
  readonly #session: SdkSession

  constructor(node: BrokerNode, amop: AmopContext) {
    super()
    this.#node = node
    this.#session = new SdkSession(amop, { address: '127.0.0.1', port: 1, certificate: undefined }, this.#transport)
  }

  override transmit(bytes: Buffer): void {
    this.#node.context.clock.refresh()
    this.#session.receive(bytes)
    this.#node.context.turn.schedule()
  }

  take(): Packet | undefined {
    return this.#transport.take()
  }
}

test('a data directory keeps what SDKs will get, over a kill and over an orderly stop', async (t) => {
  const host = new NodeHost(new Disk(), new Random(1), { journalBytes: 20_000, messageMemory: 1e6, sync: 'always' })
  await host.start()
  const client = await host.connect()
  const channel = await client.openChannel(true)
  await channel.call(
    encodeQueueDeclare(channel.id, { queue: 'q', durable: true, arguments: fromObject(NEWS) }),
    QUEUE_DECLARE_OK,
  )
  const count = 300
  for (let id = 1; id <= count; id++) channel.publish('', 'q', { deliveryMode: 2 }, Buffer.from(String(id).padEnd(200)))
  await until('all confirmed', () => channel.confirmed === count)
  const texts: string[] = []
  const serve = async (until_: number) => {
    const sdk = new LiveSdk(host.node, host.node.amop as AmopContext).subscribe('news')
    await until(`${until_} messages`, () => {
      for (let packet = sdk.take(); packet !== undefined; packet = sdk.take()) {
        const message = read(packet)
        if (message.type !== 0x30 || texts.length === until_) continue
        texts.push(message.text.trim())
        sdk.answer(message)
      }
      return texts.length === until_
    })
  }
  host.end()
  await host.start()
  await serve(100)
  await host.stop()
  await host.start()
  await serve(count)
  t.deepEqual(
    texts,
    Array.from({ length: count }, (_, index) => String(index + 1)),
  )
  const queue = host.node.virtualHosts.find('/')?.queues.get('q')
  await until('nothing is left', () => queue?.messageCount === 0 && queue.unackedCount === 0)
  await host.stop()
})
