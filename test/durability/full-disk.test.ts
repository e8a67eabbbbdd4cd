import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { until } from '../helpers/until.ts'
import { Disk } from '../store/disk.ts'
import { Random } from '../store/random.ts'
import { readBody } from './body.ts'
import { type BrokerHost, BrokerProcess } from './broker-process.ts'
import { DiskFiller, Drainer, mountSmall, unmountSmall } from './disk-filler.ts'
import { readQueue } from './drain.ts'
import { NodeHost } from './node-host.ts'

const QUEUE = 'q'
const BYTES = 1000
const MESSAGES = 200

/**
 * Fills the disk, drains half of it, makes room, kills, and looks.
 * @param hasReserve what waits when the disk is full is written nevertheless.
 */
async function playFullDisk(
  t: ExecutionContext,
  host: BrokerHost,
  hasReserve: boolean,
  makeRoom: () => void,
): Promise<void> {
  const consumer = await host.connect()
  const publisher = await DiskFiller.open(host, [QUEUE], BYTES)
  for (let count = 0; count < MESSAGES; count++) publisher.publish()
  await until('the first confirms', () => publisher.confirmed.size === MESSAGES)
  await publisher.fill()
  t.regex(publisher.client.blocked ?? '', /disk|journal/)
  const confirmed = publisher.confirmed.size
  if (!hasReserve) t.true(publisher.published > confirmed, 'something waits for its confirm')

  const drainer = await Drainer.open(consumer, [QUEUE], (id) => id % 2 === 1)
  await until('messages', () => drainer.count >= MESSAGES)
  t.true(drainer.acknowledged.size > 0, 'consumers drain')
  if (!hasReserve) t.is(publisher.confirmed.size, confirmed, 'nothing is confirmed while the disk is full')

  makeRoom()
  await until('connection.unblocked', () => publisher.client.blocked === undefined)
  await until('every confirm', () => publisher.confirmed.size === publisher.published)
  publisher.publish()
  await until('a confirm for what comes later', () => publisher.confirmed.has(publisher.published))

  const acknowledged = [...drainer.acknowledged]
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
  await playFullDisk(t, host, false, () => {
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
  const publisher = await DiskFiller.open(host, [QUEUE], BYTES)
  await publisher.fill()
  t.regex(publisher.client.blocked ?? '', /disk/)
  const { layer } = host
  t.true(layer.disk.usedBytes < 800 * 1024, 'before the disk is full')
  layer.options = { ...layer.options, capacityBytes: 10 * 1024 * 1024 }
  await until('connection.unblocked', () => publisher.client.blocked === undefined, 20_000)
  await until('every confirm', () => publisher.confirmed.size === publisher.published)
  await host.stop()
})

test('emptying queues ends an alarm for too little room, also when no checkpoint was due', async (t) => {
  const host = new NodeHost(new Disk(), new Random(1), {
    journalBytes: 10 * 1024 * 1024,
    reserveBytes: 32 * 1024,
    messageMemory: 1024 * 1024,
    sync: 'always',
    diskFreeLimit: 500 * 1024,
  })
  host.next = { capacityBytes: 800 * 1024 }
  await host.start()
  const publisher = await DiskFiller.open(host, [QUEUE], BYTES)
  await publisher.fill()
  t.is(publisher.client.blocked, 'low on disk')
  const drainer = await Drainer.open(await host.connect(), [QUEUE], () => true)
  await until('connection.unblocked', () => publisher.client.blocked === undefined, 20_000)
  await until('every confirm', () => publisher.confirmed.size === publisher.published)
  await until('every message', () => drainer.count === publisher.published)
  await host.stop()
})

const MIB = 1024 * 1024

const small = mountSmall(2 * MIB)

test.after.always(() => unmountSmall(small))

const whereMounted = small === undefined ? test.skip : test

whereMounted('the program waits on a full file system, and goes on when that has room', async (t) => {
  const path = small as string
  const host = new BrokerProcess(join(path, 'data'), ['--disk-free-limit', '0'])
  t.teardown(() => host.kill())
  await host.start()
  await playFullDisk(t, host, true, () => {
    execFileSync('mount', ['-o', `remount,size=${64 * MIB}`, path])
  })
  await host.stop()
  t.regex(host.log, /Server startup complete/)
})
