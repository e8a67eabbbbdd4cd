import { generateKeyPairSync } from 'node:crypto'
import { same } from '../lib/checks.mjs'
import { until } from '../lib/lines.mjs'
import { replyOf, Sdk } from '../lib/sdk.mjs'

/** A subscriber's key pair as hex: what it signs with, and what its publishers know it by. */
export function keyPair() {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'secp256k1' })
  const { d, x, y } = privateKey.export({ format: 'jwk' })
  const hex = (text) => Buffer.from(text, 'base64url').toString('hex').padStart(64, '0')
  return { privateKey: hex(d), publicKey: `04${hex(x)}${hex(y)}` }
}

/** Private topics of those who understand each other's signatures; web3sdk has a form of its own. */
export async function privateTopics(checks, { sdks, node }) {
  const kinds = Object.values(sdks)
  const connect = (role) => Promise.all(kinds.map((sdk) => Sdk.connect(sdk, `${sdk.kind}-${role}`, node)))
  const [publishers, subscribers, stranger] = await Promise.all([
    connect('publisher'),
    connect('subscriber'),
    Sdk.connect(kinds[0], 'stranger', node),
  ])
  try {
    const pairs = publishers.flatMap((publisher) => subscribers.map((subscriber) => ({ publisher, subscriber })))
    await Promise.all(pairs.map((pair) => verified(checks, node, { ...pair, stranger })))
    for (const subscriber of subscribers) await subscriber.stop()
    for (const { publisher, subscriber } of pairs) {
      await checks.case(`code 100 when the last has gone ${namesOf({ publisher, subscriber })}`, async () => {
        const topic = topicOf({ publisher, subscriber })
        await until(async () => {
          const { code } = await publisher.unicast(topic, 'anybody?', { private: true })
          return code === 100
        }, 'code 100')
      })
    }
  } finally {
    await Promise.all([...publishers, ...subscribers, stranger].map((sdk) => sdk.stop()))
  }
}

const namesOf = ({ publisher, subscriber }) => `from ${publisher.name} to ${subscriber.name}`
const topicOf = (pair) => `secret ${namesOf(pair)}`

async function verified(checks, node, { publisher, subscriber, stranger }) {
  const names = namesOf({ publisher, subscriber })
  const topic = topicOf({ publisher, subscriber })
  const keys = keyPair()
  await publisher.claim(topic, [keyPair().publicKey, keys.publicKey])
  await subscriber.subscribe(topic, { privateKey: keys.privateKey })
  await checks.case(`private unicast ${names}`, async () => {
    const answer = await until(async () => {
      const said = await publisher.unicast(topic, 'private', { private: true })
      return said.code === 0 && said
    }, 'a verified subscriber')
    same(answer.data, replyOf(subscriber.name, 'private'), 'answer')
  })
  await checks.case(`private multicast ${names}`, async () => {
    const before = (await subscriber.received(topic, 1)).length
    await publisher.multicast(topic, 'to all of them', { private: true })
    same((await subscriber.received(topic, before + 1)).length, before + 1, 'messages')
  })
  await checks.case(`a subscriber with another key gets nothing ${names}`, async () => {
    await stranger.subscribe(topic, { privateKey: keyPair().privateKey })
    const refusals = () => node.logged(/was refused/).filter((entry) => entry.topic.endsWith(topic))
    await until(() => refusals().length > 0, 'the refusal in the log', 30_000)
    const before = (await subscriber.received(topic, 1)).length
    for (let i = 0; i < 10; i++) {
      const { data } = await publisher.unicast(topic, `only you ${i}`, { private: true })
      same(data, replyOf(subscriber.name, `only you ${i}`), 'answer')
    }
    await publisher.multicast(topic, 'nor this', { private: true })
    await subscriber.received(topic, before + 11)
    same(stranger.messages.length, 0, 'messages of the stranger')
  })
}
