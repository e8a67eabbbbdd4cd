/**
 * How much memory one large message costs on its way through the broker: one publisher, and consumers that each have a
 * queue of their own on one fanout exchange. Linux only. Run after a build:
 *
 *     node dist/bench/large-messages.js [MiB] [consumers] [messages]
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { crc32 } from 'node:zlib'
import { Client, type Traffic } from '../src/cli/client/client.ts'
import { parseUri } from '../src/cli/client/uri.ts'
import {
  BASIC_CONSUME_OK,
  CHANNEL_OPEN_OK,
  CONFIRM_SELECT_OK,
  EXCHANGE_DECLARE_OK,
  encodeBasicAck,
  encodeBasicConsume,
  encodeBasicPublish,
  encodeChannelOpen,
  encodeConfirmSelect,
  encodeContent,
  encodeExchangeDeclare,
  encodeProperties,
  encodeQueueBind,
  encodeQueueDeclare,
  QUEUE_BIND_OK,
  QUEUE_DECLARE_OK,
} from '../src/codec/index.ts'
import { startUntilReady, urlOf } from './brokers/broker.ts'
import { prepareLeveret } from './brokers/leveret.ts'

const MIB = 1024 * 1024
const [mebibytes = 100, consumers = 1, messages = 3] = process.argv.slice(2).map(Number)
const EXCHANGE = 'large'

/** Takes bodies, checks them and acknowledges them. */
class Taker implements Traffic {
  received = 0
  #sum = 0
  #left = 0
  #tag = 0
  readonly client: Client
  readonly #expected: number

  constructor(client: Client, expected: number) {
    this.client = client
    this.#expected = expected
  }

  deliver(): void {
    this.#tag++
  }

  header(_channel: number, bodyBytes: number): void {
    this.#left = bodyBytes
    this.#sum = 0
  }

  body(_channel: number, buffer: Buffer, from: number, to: number): void {
    this.#sum = crc32(buffer.subarray(from, to), this.#sum)
    this.#left -= to - from
    if (this.#left > 0) return
    if (this.#sum !== this.#expected) throw new Error('a body came that is not what was published')
    this.received++
    this.client.write(encodeBasicAck(1, { deliveryTag: this.#tag }))
  }

  settled(): void {}
  endOfRead(): void {}
}

function memoryOf(pid: number, field: 'VmRSS' | 'VmHWM'): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) * 1024
}

async function openClient(url: string): Promise<Client> {
  const client = await Client.connect(parseUri(url), {
    onFailure: (error) => {
      console.error(error.message)
      process.exit(1)
    },
  })
  await client.call(1, encodeChannelOpen(1), CHANNEL_OPEN_OK)
  return client
}

async function openTaker(url: string, index: number, expected: number): Promise<Taker> {
  const client = await openClient(url)
  const taker = new Taker(client, expected)
  const queue = `${EXCHANGE}-${index}`
  await client.call(1, encodeQueueDeclare(1, { queue, durable: true }), QUEUE_DECLARE_OK)
  await client.call(1, encodeQueueBind(1, { queue, exchange: EXCHANGE }), QUEUE_BIND_OK)
  client.traffic = taker
  await client.call(1, encodeBasicConsume(1, { queue }), BASIC_CONSUME_OK)
  return taker
}

async function settledCount(publisher: Client, count: number): Promise<void> {
  let settled = 0
  await new Promise<void>((resolve) => {
    publisher.traffic = {
      deliver() {},
      header() {},
      body() {},
      endOfRead() {},
      settled(_channel, tag, multiple) {
        settled = multiple ? tag : settled + 1
        if (settled >= count) resolve()
      },
    }
  })
}

async function main(): Promise<void> {
  const broker = await prepareLeveret()
  broker.environment = { LEVERET_MAX_MESSAGE_SIZE: '512MiB', LEVERET_MEMORY_HIGH_WATERMARK: '1' }
  broker.clear()
  await startUntilReady(broker)
  const url = urlOf(broker)
  const body = Buffer.allocUnsafe(mebibytes * MIB)
  for (let at = 0; at < body.length; at += 4) body.writeUInt32LE(Math.imul(at, 2_654_435_761) >>> 0, at)
  const publisher = await openClient(url)
  await publisher.call(1, encodeExchangeDeclare(1, { exchange: EXCHANGE, type: 'fanout' }), EXCHANGE_DECLARE_OK)
  await publisher.call(1, encodeConfirmSelect(1, {}), CONFIRM_SELECT_OK)
  const sum = crc32(body)
  const takers = await Promise.all(Array.from({ length: consumers }, (_, index) => openTaker(url, index, sum)))
  const properties = encodeProperties({ deliveryMode: 2 })
  const idle = memoryOf(broker.pid, 'VmRSS')
  console.log(`idle ${(idle / MIB).toFixed(0)} MiB; ${mebibytes} MiB to ${consumers} consumers`)
  const confirmed = settledCount(publisher, messages)
  for (let sent = 1; sent <= messages; sent++) {
    // The highest so far counts anew for each message.
    writeFileSync(`/proc/${broker.pid}/clear_refs`, '5')
    const start = performance.now()
    publisher.write(encodeBasicPublish(1, { exchange: EXCHANGE }))
    publisher.write(encodeContent(1, properties, body, publisher.frameMax))
    while (takers.some(({ received }) => received < sent)) await new Promise((resolve) => setTimeout(resolve, 5))
    const peak = memoryOf(broker.pid, 'VmHWM') - idle
    const seconds = (performance.now() - start) / 1000
    const bodies = (peak / body.length).toFixed(2)
    console.log(
      `message ${sent}: ${(peak / MIB).toFixed(0)} MiB above idle (${bodies} bodies), ${seconds.toFixed(2)} s`,
    )
  }
  await confirmed
  await Promise.all([publisher, ...takers.map(({ client }) => client)].map((client) => client.close()))
  await broker.stop()
  process.exit(0)
}

await main()
