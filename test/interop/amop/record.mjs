// Writes the sessions of real SDKs that `npm test` replays: `npm run build && node test/interop/amop/record.mjs [DIRECTORY]`.
// The default directory is test/amop/recorded; its README says what they are.
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Recorder, recorderFilesIn } from '../../../dist/test/amop/recorder.js'
import { installSdks } from './lib/install.mjs'
import { until } from './lib/lines.mjs'
import { AmopNode } from './lib/node.mjs'
import { Sdk } from './lib/sdk.mjs'
import { keyPair } from './suites/private.mjs'

const RECORDED = fileURLToPath(new URL('../../amop/recorded/', import.meta.url))
const [directory = RECORDED] = process.argv.slice(2)

/** Publisher and subscriber of each session, and whether it is about a private topic. */
const SESSIONS = [
  ['go', 'go'],
  ['java', 'java'],
  ['web3', 'web3'],
  ['go', 'java', 'private'],
  ['java', 'go', 'private'],
]

const { sdks, missing } = await installSdks(['go', 'java', 'web3'])
for (const reason of missing) console.log(`SKIP ${reason}`)
for (const [first, second, form] of SESSIONS) {
  if (sdks[first] === undefined || sdks[second] === undefined) continue
  const name = [first, 'to', second, ...(form ? [form] : [])].join('-')
  const title = `${sdks[first].version} publishes, ${sdks[second].version} subscribes${form ? `: a ${form} topic` : ''}`
  await record(name, title, sdks[first], sdks[second], form === 'private' ? privateTopic : topics)
  console.log(`${name}.session: ${title}`)
}

async function record(name, title, publisherSdk, subscriberSdk, act) {
  const node = await AmopNode.start()
  const recorder = await Recorder.start({
    nodePort: node.amopPort,
    path: join(directory, `${name}.session`),
    title,
    files: recorderFilesIn(join(node.dataDir, 'amop')),
  })
  const where = `127.0.0.1:${recorder.port}`
  const running = []
  try {
    const publisher = new Sdk(publisherSdk, 'publisher', where, node.certificates)
    running.push(publisher)
    const subscriber = new Sdk(subscriberSdk, 'subscriber', where, node.certificates)
    running.push(subscriber)
    await Promise.all(running.map((sdk) => sdk.connected()))
    await act(publisher, subscriber)
  } finally {
    for (const sdk of running) await sdk.stop()
    await recorder.close()
    await node.discard()
  }
}

async function topics(publisher, subscriber) {
  await subscriber.subscribe('orders')
  await publisher.unicast('orders', 'two of them')
  await publisher.unicast('orders', Buffer.from(Array.from({ length: 2000 }, (_, i) => i % 256)))
  await publisher.multicast('orders', 'closing at five')
  await subscriber.received('orders', 3)
  await publisher.subscribe('self')
  await publisher.unicast('self', 'from and to the same')
  await subscriber.unsubscribe('orders')
  await publisher.unicast('orders', 'too late')
}

async function privateTopic(publisher, subscriber) {
  const keys = keyPair()
  await publisher.claim('secret', [keys.publicKey])
  await subscriber.subscribe('secret', { privateKey: keys.privateKey })
  await until(async () => {
    const { code } = await publisher.unicast('secret', 'only you', { private: true })
    return code === 0
  }, 'a verified subscriber')
  await publisher.multicast('secret', 'all of you', { private: true })
  await until(() => subscriber.messages.length === 2, 'the multicast')
}
