import { join } from 'node:path'
import { BulkMessages } from '../lib/bulk.mjs'
import { holds, same } from '../lib/checks.mjs'
import { until } from '../lib/lines.mjs'
import { replyOf, Sdk, sha256 } from '../lib/sdk.mjs'

const COUNT = 10_000
const BYTES = 300 * 1_048_576
const WINDOW = 8
const LIMIT_MS = 180_000

/**
 * Mixed sizes up to 10 MiB from every SDK to every SDK, none lost, doubled or changed. The times of sessions are long
 * here: AMOP lets a message that is late go to a second one too.
 */
export async function bulk(checks, { sdks, node }) {
  const kinds = Object.values(sdks)
  const messages = new BulkMessages({ count: COUNT, bytes: BYTES })
  const file = join(node.dataDir, 'noise')
  messages.write(file)
  const connect = (role) => Promise.all(kinds.map((sdk) => Sdk.connect(sdk, `${sdk.kind}-${role}`, node)))
  const [publishers, subscribers] = await Promise.all([connect('publisher'), connect('subscriber')])
  try {
    for (const subscriber of subscribers) await subscriber.subscribe('bulk')
    const started = performance.now()
    await Promise.all(publishers.map((publisher, n) => send(publisher, n, publishers.length, messages, file)))
    const seconds = (performance.now() - started) / 1000
    const shares = subscribers.map(({ name, messages: { length } }) => `${name} ${length}`).join(', ')
    checks.note(
      `${COUNT} unicasts of ${(messages.bytes / 1_048_576).toFixed(1)} MiB (seed ${messages.seed}) in ${seconds.toFixed(1)} s: ${shares}`,
    )
    await checks.case('every message came to one subscriber, once, as it was', () => arrived(subscribers, messages))
    await checks.case('every publisher has the answer of the one that had its message', () => {
      answered(publishers, subscribers, messages)
    })
  } finally {
    await Promise.all([...publishers, ...subscribers].map((sdk) => sdk.stop()))
  }
}

async function send(publisher, n, of, messages, file) {
  const first = Math.floor((COUNT * n) / of)
  const end = Math.floor((COUNT * (n + 1)) / of)
  const order = { op: 'bulk', id: first, topic: 'bulk', file, window: WINDOW, timeoutMs: LIMIT_MS }
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

function arrived(subscribers, messages) {
  const wanted = new Map()
  for (let i = 0; i < COUNT; i++) wanted.set(sha256(messages.message(i)), i)
  same(wanted.size, COUNT, 'different messages')
  for (const { name, messages: came } of subscribers) {
    for (const { sha256: sum, bytes, topic } of came) {
      if (topic !== 'bulk') continue
      holds(wanted.delete(sum), `${name} got one of ${bytes} bytes that was changed, or came twice`)
    }
  }
  same([...wanted.values()], [], 'messages that came to nobody')
}

function answered(publishers, subscribers, messages) {
  for (const { name, answers } of publishers) {
    for (const [id, { code, data, error }] of answers) {
      same(code, 0, `code of message ${id} from ${name} (${error})`)
      const message = messages.message(id)
      const good = subscribers.some((subscriber) => replyOf(subscriber.name, message).equals(data))
      holds(good, `message ${id} from ${name} was answered with ${data}`)
    }
  }
}
