import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import {
  BASIC_CONSUME_OK,
  encodeBasicAck,
  encodeBasicConsume,
  encodeQueueDeclare,
  QUEUE_DECLARE_OK,
} from '../../src/codec/index.ts'
import { until } from '../helpers/until.ts'
import { Disk } from '../store/disk.ts'
import { Random } from '../store/random.ts'
import { makeBody, readBody } from './body.ts'
import { type BrokerHost, BrokerProcess } from './broker-process.ts'
import type { Channel, Client } from './client.ts'
import { readQueue } from './drain.ts'
import { NodeHost } from './node-host.ts'

const QUEUE = 'q'
const BYTES = 1000
const MESSAGES = 200
const persistent = { deliveryMode: 2 }

/** A publisher that remembers what was confirmed. */
class Publisher {
  readonly client: Client
  readonly confirmed = new Set<number>()
  readonly #channel: Channel
  #last = 0

  private constructor(client: Client, channel: Channel) {
    this.client = client
    this.#channel = channel
    channel.onConfirm = (tag, multiple, isAck) => {
      if (!isAck) throw new Error(`message ${tag} was refused`)
      for (let id = multiple ? 1 : tag; id <= tag; id++) this.confirmed.add(id)
    }
  }

  static async open(host: BrokerHost): Promise<Publisher> {
    const client = await host.connect()
    const channel = await client.openChannel(true)
    await channel.call(encodeQueueDeclare(channel.id, { queue: QUEUE, durable: true }), QUEUE_DECLARE_OK)
    return new Publisher(client, channel)
  }

  get published(): number {
    return this.#last
  }

  publish(): void {
    this.#channel.publish('', QUEUE, persistent, makeBody(++this.#last, BYTES))
  }

  /** Publishes until the broker says that it is blocked. */
  async fill(): Promise<void> {
    await until('connection.blocked', async () => {
      for (let count = 0; count < 20 && this.client.blocked === undefined; count++) this.publish()
      await new Promise((resolve) => setTimeout(resolve, 2))
      return this.client.blocked !== undefined
    })
  }
}

/** Takes what there is and acknowledges every second message. @returns the acknowledged and the others. */
async function consume(client: Client, enough: number): Promise<{ acknowledged: number[]; kept: number[] }> {
  const channel = await client.openChannel()
  const acknowledged: number[] = []
  const kept: number[] = []
  channel.onMessage = ({ body, deliveryTag }) => {
    const id = readBody(body)
    if (id % 2 === 0) {
      kept.push(id)
      return
    }
    acknowledged.push(id)
    channel.write(encodeBasicAck(channel.id, { deliveryTag }))
  }
  await channel.call(encodeBasicConsume(channel.id, { queue: QUEUE }), BASIC_CONSUME_OK)
  await until(`${enough} messages`, () => acknowledged.length + kept.length >= enough)
  return { acknowledged, kept }
}

/** Fills the disk, drains, makes room, kills, and looks. */
async function playFullDisk(t: ExecutionContext, host: BrokerHost, makeRoom: () => void): Promise<void> {
  const consumer = await host.connect()
  const publisher = await Publisher.open(host)
  for (let count = 0; count < MESSAGES; count++) publisher.publish()
  await until('the first confirms', () => publisher.confirmed.size === MESSAGES)
  await publisher.fill()
  t.regex(publisher.client.blocked ?? '', /disk|journal/)
  const confirmed = publisher.confirmed.size
  t.true(publisher.published > confirmed, 'something waits for its confirm')

  const { acknowledged } = await consume(consumer, MESSAGES)
  t.true(acknowledged.length > 0, 'consumers drain')
  t.is(publisher.confirmed.size, confirmed, 'nothing is confirmed while the disk is full')

  makeRoom()
  await until('connection.unblocked', () => publisher.client.blocked === undefined)
  await until('every confirm', () => publisher.confirmed.size === publisher.published)
  publisher.publish()
  await until('a confirm for what comes later', () => publisher.confirmed.has(publisher.published))

  await host.kill()
  await host.start()
  const client = await host.connect()
  const found = await readQueue(client, QUEUE, (body) => String(readBody(body)))
  await client.close()
  const there = new Set(found.map(({ id }) => Number(id)))
  t.is(there.size, found.length, 'nothing is there twice')
  // The acknowledgements were read before what is now confirmed was published.
  const expected = [...publisher.confirmed].filter((id) => !acknowledged.includes(id) || there.has(id))
  t.deepEqual([...there].sort(byNumber), expected.sort(byNumber))
  t.false(
    acknowledged.slice(0, -1).some((id) => there.has(id)),
    'what was acknowledged before the last confirm is gone',
  )
}

function byNumber(a: number, b: number): number {
  return a - b
}

test('publishers wait while the disk is full, consumers drain, and it goes on when there is room', async (t) => {
  const host = new NodeHost(new Disk(), new Random(1), {
    journalBytes: 10 * 1024 * 1024,
    messageMemory: 1024 * 1024,
    sync: 'always',
  })
  host.next = { capacityBytes: 300 * 1024 }
  await host.start()
  const { layer } = host
  await playFullDisk(t, host, () => {
    layer.options = { ...layer.options, capacityBytes: 10 * 1024 * 1024 }
  })
  await host.stop()
})

test('publishers wait while less than the limit is free on the disk', async (t) => {
  const host = new NodeHost(new Disk(), new Random(1), {
    journalBytes: 10 * 1024 * 1024,
    messageMemory: 1024 * 1024,
    sync: 'always',
    diskFreeLimit: 500 * 1024,
  })
  host.next = { capacityBytes: 800 * 1024 }
  await host.start()
  const publisher = await Publisher.open(host)
  await publisher.fill()
  t.regex(publisher.client.blocked ?? '', /disk/)
  const { layer } = host
  t.true(layer.disk.usedBytes < 800 * 1024, 'before the disk is full')
  layer.options = { ...layer.options, capacityBytes: 10 * 1024 * 1024 }
  await until('connection.unblocked', () => publisher.client.blocked === undefined, 20_000)
  await until('every confirm', () => publisher.confirmed.size === publisher.published)
  await host.stop()
})

const MIB = 1024 * 1024

/** A file system of that size in memory; undefined where this machine does not let us. */
function mountSmall(bytes: number): string | undefined {
  const path = mkdtempSync(join(tmpdir(), 'leveret-full-'))
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs', path], { stdio: 'ignore' })
    return path
  } catch {
    rmSync(path, { recursive: true })
    return undefined
  }
}

const small = process.platform === 'linux' ? mountSmall(2 * MIB) : undefined

test.after.always(() => {
  if (small === undefined) return
  execFileSync('umount', [small])
  rmSync(small, { recursive: true })
})

const whereMounted = small === undefined ? test.skip : test

whereMounted('the program waits on a full file system, and goes on when that has room', async (t) => {
  const path = small as string
  const host = new BrokerProcess(join(path, 'data'), ['--disk-free-limit', '0'])
  t.teardown(() => host.kill())
  await host.start()
  await playFullDisk(t, host, () => {
    execFileSync('mount', ['-o', `remount,size=${64 * MIB}`, path])
  })
  await host.stop()
  t.regex(host.log, /Server startup complete/)
})
