import { cp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { readUint32 } from '../../src/codec/index.ts'
import { Broker } from '../../src/index.ts'
import { inspectData } from '../../src/server/inspection/inspect-data.ts'
import { inspectJournal } from '../../src/store/index.ts'
import { temporaryDirectory } from '../helpers/program.ts'
import { baseSeed, Random } from '../store/random.ts'

const QUEUES = 40
const MESSAGES = 5
const FLIPS = 12
const HEAD_BYTES = 64
/** One batch of a checkpoint, with the last record that did not fit any more. */
const PART_BYTES = 4096

// Types of records, as docs/storage.md has them.
const KEPT = 2
const CLEAN = 5
const QUEUE_DECLARED = 20

interface Found {
  readonly type: number
  readonly content: Buffer
}

const nameOf = (number: number): string => `q${number}`

/** A directory whose broker was stopped in order: much of little in the journal, and names of files. */
async function fill(dataDir: string): Promise<void> {
  await using broker = await Broker.start({ dataDir })
  broker.declareExchange('x', 'topic', { durable: true })
  broker.addUser('anna', 'secret')
  const properties = { deliveryMode: 2 }
  const published: Promise<unknown>[] = []
  for (let number = 0; number < QUEUES; number++) {
    const queue = nameOf(number)
    broker.declareQueue(queue, { durable: true })
    broker.bind({ source: 'x', destination: queue, routingKey: `key.${number}` })
    for (let i = 0; i < MESSAGES; i++) {
      published.push(broker.publish({ routingKey: queue, body: `${queue}.${i}`.padEnd(200), properties }))
    }
  }
  broker.declareQueue('long', { durable: true })
  for (let i = 0; i < 500; i++) {
    published.push(broker.publish({ routingKey: 'long', body: `long.${i}`.padEnd(3000), properties }))
  }
  await Promise.all(published)
}

async function journalOf(directory: string): Promise<Map<number, Found>> {
  const records = new Map<number, Found>()
  await inspectJournal(
    { directory },
    {
      record: (position, type, buffer, from, to) => {
        records.set(position, { type, content: Buffer.from(buffer.subarray(from, to)) })
      },
    },
  )
  return records
}

/** The queues of the default virtual host, with how many messages each has. */
async function queuesOf(directory: string): Promise<Map<string, number>> {
  const { vhosts } = await inspectData(directory)
  return new Map(vhosts.flatMap(({ queues }) => queues.map(({ name, messages }) => [name, messages])))
}

/** Uid by name, of all that are declared. */
function declared(records: Iterable<Found>): Map<string, number> {
  const uids = new Map<string, number>()
  for (const { type, content } of records) {
    if (type !== QUEUE_DECLARED) continue
    const nameAt = 4 + readUint32(content, 0)
    const uidAt = nameAt + 4 + readUint32(content, nameAt)
    uids.set(content.toString('utf8', nameAt + 4, uidAt), readUint32(content, uidAt))
  }
  return uids
}

/** What a start should find when these records have gone: what is no message is there twice. */
function without(whole: ReadonlyMap<string, number>, uids: Map<string, number>, lost: readonly Found[]) {
  const left = new Map(whole)
  for (const [name, uid] of uids) {
    const messages = lost.filter(({ type, content }) => type === KEPT && readUint32(content, 0) === uid)
    left.set(name, (left.get(name) as number) - messages.length)
  }
  return left
}

async function flipBit(path: string, at: number, bit: number): Promise<void> {
  const bytes = await readFile(path)
  bytes[at] = (bytes[at] as number) ^ (1 << bit)
  await writeFile(path, bytes)
}

/** All that is there works, and nothing that is lost is in the way. */
async function work(t: ExecutionContext, dataDir: string, left: ReadonlyMap<string, number>): Promise<void> {
  await using broker = await Broker.start({ dataDir })
  for (let number = 0; number < QUEUES; number++) {
    const queue = nameOf(number)
    broker.declareQueue(queue, { durable: true })
    const outcome = await broker.publish({ routingKey: queue, body: 'new', properties: { deliveryMode: 2 } })
    t.true(outcome.routed)
    t.is(broker.queue(queue).messageCount, (left.get(queue) ?? 0) + 1)
    const bodies = broker
      .queue(queue)
      .messages(MESSAGES + 1)
      .map(({ body }) => body.toString().trimEnd())
    t.is(bodies.pop(), 'new')
    t.true(bodies.every((body) => body.startsWith(`${queue}.`)))
  }
  const long = broker.queue('long')
  t.is(long.exists ? long.messages(1000).length : undefined, left.get('long'))
}

test('a bit that flips in what an orderly stop has left costs messages of one batch at most, and no queue', async (t) => {
  t.timeout(120_000)
  const seed = baseSeed()
  t.log(`STORE_SEED=${seed}`)
  const random = new Random(seed)
  const directory = await temporaryDirectory(t)
  const dataDir = join(directory, 'whole')
  await fill(dataDir)
  await rm(join(dataDir, 'reserve'), { force: true })
  const whole = await journalOf(dataDir)
  const uids = declared(whole.values())
  const before = await queuesOf(dataDir)
  t.is(before.size, QUEUES + 1)
  const names = (await readdir(join(dataDir, 'journal'))).sort()
  t.is(names.length, 2, 'the checkpoint, and the file that says so')

  for (let flips = 0; flips < FLIPS; flips++) {
    // Every fourth in the definitions, which come first; every eighth in the small file.
    const name = names[flips % 8 === 7 ? 1 : 0] as string
    const { size } = await stat(join(dataDir, 'journal', name))
    const at = random.below(flips % 4 === 0 ? 8192 : size)
    const copy = join(directory, `flip-${flips}`)
    await cp(dataDir, copy, { recursive: true })
    await flipBit(join(copy, 'journal', basename(name)), at, random.below(8))
    const what = `a bit at ${at} of ${name}`

    const there = await journalOf(copy)
    const lost = [...whole].filter(([position]) => !there.has(position)).map(([, found]) => found)
    const lostBytes = lost.reduce((sum, { content }) => sum + content.length, 0)
    t.true(lostBytes <= PART_BYTES || lost.length === 1, `${what}: ${lostBytes} bytes`)
    const left = without(before, uids, lost)
    const { problems, notes, clean } = await inspectData(copy)
    const isTail = name === names[1] && at >= HEAD_BYTES
    t.is(problems.length, isTail ? 0 : 1, `${what}: ${problems.join('\n')}`)
    if (isTail) t.true(notes.length > 0, what)
    t.is(clean, !lost.some(({ type }) => type === CLEAN), what)
    t.deepEqual(await queuesOf(copy), left, what)
    await work(t, copy, left)
    t.deepEqual((await inspectData(copy)).problems, [], what)
    await rm(copy, { recursive: true })
  }
})
