import { join } from 'node:path'
import { Amqp } from '../lib/amqp.mjs'
import { BulkMessages } from '../lib/bulk.mjs'
import { holds, same } from '../lib/checks.mjs'
import { until } from '../lib/lines.mjs'
import { replyOf, Sdk } from '../lib/sdk.mjs'

const COUNT = 10_000
const BYTES = 300 * 1_048_576
const WINDOW = 8
const LIMIT_MS = 180_000

/**
 * Mixed sizes up to 10 MiB from every SDK to every SDK, and through a durable queue, none lost, doubled or changed. The times of sessions are long
 * here: AMOP lets a message that is late go to a second one too.
 */
export async function bulk(checks, { sdks, node }) {
  const kinds = Object.values(sdks)
  const messages = new BulkMessages({ count: COUNT, bytes: BYTES })
  const file = join(node.dataDir, 'noise')
  messages.write(file)
  const connect = (role) => Promise.all(kinds.map((sdk) => Sdk.connect(sdk, `${sdk.kind}-${role}`, node)))
  const amqp = await Amqp.connect(node)
  const [publishers, subscribers] = await Promise.all([connect('publisher'), connect('subscriber')])
  try {
    await direct(checks, { publishers, subscribers, messages, file })
    await throughQueue(checks, { publishers, subscribers, messages, file, amqp })
  } finally {
    await Promise.all([...publishers, ...subscribers].map((sdk) => sdk.stop()))
    await amqp.close()
  }
}

async function direct(checks, { publishers, subscribers, messages, file }) {
  for (const subscriber of subscribers) await subscriber.subscribe('direct')
  await sendAll(checks, 'direct', publishers, messages, file)
  await allHere('direct', subscribers)
  await checks.case('every message came to one subscriber, once, as it was', () => {
    arrived('direct', subscribers, messages)
  })
  await checks.case('every publisher has the answer of the one that had its message', () => {
    const isGood = (i, data) => subscribers.some(({ name }) => isReply(data, name, messages, i))
    answered(publishers, isGood)
  })
}

/** Into AMQP and out of it again. */
async function throughQueue(checks, { publishers, subscribers, messages, file, amqp }) {
  for (const subscriber of subscribers) await subscriber.subscribe('out')
  const args = { 'x-amop-deliver': 'out' }
  await amqp.bound('in', { queue: 'through', durable: true, queueArgs: args })
  await sendAll(checks, 'in', publishers, messages, file)
  await allHere('out', subscribers)
  await checks.case('every message came through the queue to one subscriber, once, as it was', () => {
    arrived('out', subscribers, messages)
  })
  await checks.case('every publisher was told that the queue has its message', () => {
    answered(publishers, (_i, data) => data === null || data.length === 0)
  })
  await checks.case('the queue is empty', async () => {
    await until(async () => (await amqp.channel.checkQueue('through')).messageCount === 0, 'an empty queue')
  })
}

async function allHere(topic, subscribers) {
  const count = () =>
    subscribers.flatMap(({ messages }) => messages.filter((message) => message.topic === topic)).length
  await until(
    () => count() >= COUNT,
    () => `${COUNT} messages of topic ${topic}, there are ${count()}`,
    LIMIT_MS,
  )
}

async function sendAll(checks, topic, publishers, messages, file) {
  const started = performance.now()
  await Promise.all(publishers.map((publisher, n) => send(topic, publisher, n, publishers.length, messages, file)))
  const seconds = ((performance.now() - started) / 1000).toFixed(1)
  const mib = (messages.bytes / 1_048_576).toFixed(1)
  checks.note(`${COUNT} unicasts of ${mib} MiB to topic ${topic} (seed ${messages.seed}) answered in ${seconds} s`)
}

async function send(topic, publisher, n, of, messages, file) {
  publisher.answers.clear()
  const first = Math.floor((COUNT * n) / of)
  const end = Math.floor((COUNT * (n + 1)) / of)
  const order = { op: 'bulk', id: first, topic, file, window: WINDOW, timeoutMs: LIMIT_MS }
  await publisher.order({ ...order, messages: messages.places.slice(first, end) })
  await until(
    () => {
      publisher.program.mustRun()
      return publisher.answers.size >= end - first
    },
    () => `${end - first} answers at ${publisher.name}, there are ${publisher.answers.size}`,
    LIMIT_MS,
  )
}

function arrived(which, subscribers, messages) {
  const wanted = new Map(messages.sums.map((sum, i) => [sum, i]))
  same(wanted.size, COUNT, 'different messages')
  for (const { name, messages: came } of subscribers) {
    for (const { sha256: sum, bytes, topic } of came) {
      if (topic !== which) continue
      holds(wanted.delete(sum), `${name} got one of ${bytes} bytes that was changed, or came twice`)
    }
  }
  same([...wanted.values()], [], 'messages that came to nobody')
}

/** What the program named so answers to message i, without making it when it is large. */
function isReply(data, name, messages, i) {
  const [, size] = messages.places[i]
  const sum = Buffer.from(`${name}:${messages.sums[i]}`)
  return data.equals(size + 8 > 1024 ? sum : replyOf(name, messages.message(i)))
}

function answered(publishers, isGood) {
  for (const { name, answers } of publishers) {
    for (const [id, { code, data, error }] of answers) {
      same(code, 0, `code of message ${id} from ${name} (${error})`)
      holds(isGood(id, data), `message ${id} from ${name} was answered with ${data}`)
    }
  }
}
