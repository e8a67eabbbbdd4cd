import { statfsSync } from 'node:fs'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { RecordingLogger } from '../helpers/recording-logger.ts'
import { until } from '../helpers/until.ts'
import { Disk } from '../store/disk.ts'
import { baseSeed, Random } from '../store/random.ts'
import { readBody } from './body.ts'
import { type BrokerHost, BrokerProcess } from './broker-process.ts'
import { DiskFiller, Drainer, mountSmall, unmountSmall } from './disk-filler.ts'
import { readQueue } from './drain.ts'
import { NodeHost } from './node-host.ts'

const MIB = 1024 * 1024
const WAIT_MS = 30_000

/** What is in the queues, each message once. */
async function found(t: ExecutionContext, host: BrokerHost, queues: readonly string[]): Promise<Set<number>> {
  const client = await host.connect()
  const ids: number[] = []
  for (const queue of queues) {
    for (const { id } of await readQueue(client, queue, (body) => String(readBody(body)))) ids.push(Number(id))
  }
  await client.close()
  t.is(new Set(ids).size, ids.length, 'nothing is there twice')
  return new Set(ids)
}

interface Play {
  readonly queues: readonly string[]
  /** Of each body. */
  readonly bytes: number
  readonly burst: number
  readonly prefetch: number
  readonly freeBytes: () => number
}

/** Fills the disk, drains all of it, goes on, is killed, and looks. Nobody else makes room. */
async function playDrain(t: ExecutionContext, host: BrokerHost, play: Play): Promise<void> {
  const { queues, bytes, burst, prefetch, freeBytes } = play
  const consumer = await host.connect()
  const publisher = await DiskFiller.open(host, queues, bytes)
  await publisher.fillUp(burst)
  t.is(publisher.client.blocked, 'low on disk')
  const freeWhenFull = freeBytes()

  const first = await Drainer.open(consumer, queues, () => true, prefetch)
  await until('connection.unblocked', () => !publisher.isBlocked, WAIT_MS)
  // What was still in the socket comes now.
  const filled = publisher.published
  await until('everything is confirmed', () => publisher.confirmed.size === filled, WAIT_MS)
  await until('everything is consumed', () => first.count === filled, WAIT_MS)
  t.true(freeBytes() > freeWhenFull, 'room has come back')
  await consumer.close()

  // What was freed can be used.
  const wanted = filled + Math.floor(filled / 4)
  await until(
    'publishing goes on',
    async () => {
      for (let count = 0; count < burst && publisher.published < wanted; count++) publisher.publish()
      await new Promise((resolve) => setTimeout(resolve, 2))
      return publisher.published === wanted && publisher.confirmed.size === wanted
    },
    WAIT_MS,
  )
  const again = await host.connect()
  const second = await Drainer.open(again, queues, (id) => id % 3 === 0, 0)
  await until('all of it is delivered', () => second.count === wanted - filled, WAIT_MS)
  // A confirm behind the acknowledgements: they are safe when it is read.
  publisher.publish()
  await until('the last confirm', () => publisher.confirmed.size === publisher.published, WAIT_MS)
  await host.kill()
  await host.start()
  const there = await found(t, host, queues)
  for (const id of first.acknowledged) t.false(there.has(id), `message ${id} was acknowledged on the full disk`)
  for (const id of publisher.confirmed) {
    if (!first.acknowledged.has(id) && !second.acknowledged.has(id) && !there.has(id)) t.fail(`message ${id} is lost`)
  }
  t.true(there.size >= second.kept.size)
}

const mounted = mountSmall(32 * MIB)
const whereMounted = mounted === undefined ? test.skip : test.serial

test.after.always(() => unmountSmall(mounted))

whereMounted('emptying queues frees a full file system, and publishers go on', async (t) => {
  t.timeout(120_000)
  const path = mounted as string
  const host = new BrokerProcess(join(path, 'data'), ['--disk-free-limit', '0'])
  t.teardown(async () => {
    await host.kill()
    if (!t.passed) t.log(host.log)
  })
  await host.start()
  await playDrain(t, host, {
    queues: ['q'],
    bytes: 1000,
    burst: 200,
    prefetch: 100,
    freeBytes: () => {
      const { bavail, bsize } = statfsSync(path)
      return bavail * bsize
    },
  })
  await host.stop()
})

const SEEDS = Number(process.env.DURABILITY_SEEDS ?? 6)

test('emptying queues frees a full disk, and publishers go on', async (t) => {
  const first = baseSeed()
  t.log(`STORE_SEED=${first}`)
  const seeds = Array.from({ length: SEEDS }, (_, index) => first + index)
  await Promise.all(seeds.map((seed) => playInMemory(t, seed)))
})

async function playInMemory(t: ExecutionContext, seed: number): Promise<void> {
  const random = new Random(seed)
  const disk = new Disk()
  const log = new RecordingLogger()
  const capacityBytes = random.between(300, 900) * 1024
  const reserveBytes = Math.floor(capacityBytes / 8)
  const bytes = random.between(300, 2000)
  const host = new NodeHost(disk, random, {
    journalBytes: 2 * reserveBytes,
    reserveBytes,
    batchBytes: 8192,
    messageMemory: 64 * 1024,
    sync: 'always',
    log,
  })
  host.next = { capacityBytes }
  await host.start()
  await playDrain(t, host, {
    queues: ['a', 'b', 'c'].slice(0, random.between(1, 3)),
    bytes,
    // What waits at a time is less than the reserve.
    burst: Math.min(random.between(1, 20), Math.max(1, Math.floor(reserveBytes / 16 / bytes))),
    prefetch: random.between(0, 20),
    freeBytes: () => capacityBytes - disk.usedBytes,
  })
  await host.stop()
  const said = log.lines.map(({ message }) => message)
  t.true(said.some((line) => /disk alarm: .* reserve of .* is given up/.test(line)))
  t.true(said.some((line) => /disk alarm cleared: .* room again for the reserve of/.test(line)))
}
