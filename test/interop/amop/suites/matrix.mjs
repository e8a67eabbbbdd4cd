import { randomBytes } from 'node:crypto'
import { same } from '../lib/checks.mjs'
import { replyOf, Sdk, sha256 } from '../lib/sdk.mjs'

const everyByte = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))
const BURST = 200
const longTopic = `${'数'.repeat(84)}.x`

const contents = {
  text: Buffer.from('hello, 你好'),
  'every byte': everyByte,
  nothing: Buffer.alloc(0),
  '1 MiB': randomBytes(1_048_576),
}

async function unicasts(checks, publisher, subscriber) {
  for (const [what, data] of Object.entries(contents)) {
    await checks.case(`unicast of ${what} from ${publisher.name} to ${subscriber.name}`, async () => {
      const topic = `to ${subscriber.name}`
      const before = (await subscriber.received(topic, 0)).length
      const { code, data: answer } = await publisher.unicast(topic, data)
      same(code, 0, 'code')
      same(answer, replyOf(subscriber.name, data), 'answer')
      const came = (await subscriber.received(topic, before + 1)).slice(before)
      same(
        came.map((message) => message.sha256),
        [sha256(data)],
        'checksums',
      )
    })
  }
}

async function multicasts(checks, publisher, subscribers) {
  const data = Buffer.concat([everyByte, randomBytes(100)])
  const before = subscribers.map(({ messages }) => messages.length)
  await publisher.multicast('all', data)
  for (const [i, subscriber] of subscribers.entries()) {
    await checks.case(`multicast from ${publisher.name} to ${subscriber.name}`, async () => {
      await subscriber.received('all', subscriber.messages.slice(0, before[i]).filter(isForAll).length + 1)
      const came = subscriber.messages.slice(before[i]).filter(isForAll)
      same(
        came.map((message) => message.sha256),
        [sha256(data)],
        'checksums',
      )
    })
  }
}

/** go-sdk decodes at most one frame a read: it loses what leaves in one TLS record with another frame. */
async function burst(checks, publisher, subscribers) {
  for (const subscriber of subscribers) await subscriber.subscribe('burst')
  await Promise.all(Array.from({ length: BURST }, (_, i) => publisher.multicast('burst', `at once ${i}`)))
  for (const subscriber of subscribers) {
    await checks.case(`${BURST} multicasts at once to ${subscriber.name}`, async () => {
      const came = await subscriber.received('burst', BURST)
      same(new Set(came.map((message) => message.sha256)).size, BURST, 'different messages')
    })
  }
}

const isForAll = ({ topic }) => topic === 'all'

/** Each SDK as publisher against each as subscriber. */
export async function matrix(checks, { sdks, node }) {
  const kinds = Object.values(sdks)
  const [publishers, subscribers] = await Promise.all(
    ['publisher', 'subscriber'].map((role) =>
      Promise.all(kinds.map((sdk) => Sdk.connect(sdk, `${sdk.kind}-${role}`, node))),
    ),
  )
  try {
    for (const subscriber of subscribers) {
      await subscriber.subscribe(`to ${subscriber.name}`)
      await subscriber.subscribe('all')
      await subscriber.subscribe(longTopic)
    }
    for (const publisher of publishers) {
      for (const subscriber of subscribers) await unicasts(checks, publisher, subscriber)
      await multicasts(checks, publisher, subscribers)
      await checks.case(`a topic of 254 bytes from ${publisher.name}`, async () => {
        same((await publisher.unicast(longTopic, 'long')).code, 0, 'code')
      })
      await checks.case(`code 100 at ${publisher.name} for a topic that nobody has any more`, async () => {
        const [subscriber] = subscribers
        await subscriber.subscribe('left')
        same((await publisher.unicast('left', 'x')).code, 0, 'code while it has')
        await subscriber.unsubscribe('left')
        same((await publisher.unicast('left', 'x')).code, 100, 'code')
      })
    }
    await burst(checks, publishers.at(-1), subscribers)
    for (const both of subscribers) {
      await checks.case(`${both.name} as publisher to itself has its own answer`, async () => {
        const { code, data } = await both.unicast(`to ${both.name}`, 'to me')
        same(code, 0, 'code')
        same(data, replyOf(both.name, 'to me'), 'answer')
      })
    }
  } finally {
    await Promise.all([...publishers, ...subscribers].map((sdk) => sdk.stop()))
  }
}
