import { generateKeyPairSync } from 'node:crypto'
import { same } from '../lib/checks.mjs'
import { until } from '../lib/lines.mjs'
import { replyOf, Sdk } from '../lib/sdk.mjs'

/** A subscriber's key pair as hex: what it signs with, and what its publishers know it by. */
function keyPair() {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'secp256k1' })
  const { d, x, y } = privateKey.export({ format: 'jwk' })
  const hex = (text) => Buffer.from(text, 'base64url').toString('hex').padStart(64, '0')
  return { privateKey: hex(d), publicKey: `04${hex(x)}${hex(y)}` }
}

/** Private topics between go-sdk and java-sdk, which verify each other by signature; web3sdk has a form of its own. */
export async function privateTopics(checks, { sdks, node }) {
  const kinds = [sdks.go, sdks.java].filter(Boolean)
  for (const first of kinds) {
    for (const second of kinds) {
      const publisher = await Sdk.connect(first, `${first.kind}-publisher`, node)
      const subscriber = await Sdk.connect(second, `${second.kind}-subscriber`, node)
      const stranger = await Sdk.connect(sdks.go ?? second, 'stranger', node)
      const names = `from ${publisher.name} to ${subscriber.name}`
      const topic = `secret ${names}`
      try {
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
          const before = subscriber.messages.length
          await publisher.multicast(topic, 'to all of them', { private: true })
          await until(() => subscriber.messages.length > before, 'the multicast')
          same(subscriber.messages.length, before + 1, 'messages')
        })
        await checks.case(`a subscriber with another key gets nothing ${names}`, async () => {
          const from = node.log.length
          await stranger.subscribe(topic, { privateKey: keyPair().privateKey })
          await until(() => node.logged(/was refused/, from).length > 0, 'the refusal in the log')
          for (let i = 0; i < 10; i++) {
            const { data } = await publisher.unicast(topic, `only you ${i}`, { private: true })
            same(data, replyOf(subscriber.name, `only you ${i}`), 'answer')
          }
          await publisher.multicast(topic, 'nor this', { private: true })
          await subscriber.received(subscriber.messages.at(-1).topic, 13)
          same(stranger.messages.length, 0, 'messages of the stranger')
        })
        await checks.case(`no verified subscriber is code 100 ${names}`, async () => {
          await subscriber.stop()
          await until(async () => {
            return (await publisher.unicast(topic, 'anybody?', { private: true })).code === 100
          }, 'code 100')
        })
      } finally {
        await Promise.all([publisher, subscriber, stranger].map((sdk) => sdk.stop()))
      }
    }
  }
}
