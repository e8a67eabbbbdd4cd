import { Amqp } from '../lib/amqp.mjs'
import { same } from '../lib/checks.mjs'
import { AmopNode } from '../lib/node.mjs'
import { Sdk, sha256 } from '../lib/sdk.mjs'

const COUNT = 20

/** SDKs that take two ports of one node for two nodes: the Java ones send a multicast over every connection they have. */
export async function ports(checks, { sdks: { go, ...several } }) {
  const node = await AmopNode.start({ options: ['--amop-port', '0'] })
  const amqp = await Amqp.connect(node)
  const programs = []
  const connect = async (sdk, name, where) => {
    const program = await Sdk.connect(sdk, name, node, where)
    programs.push(program)
    return program
  }
  try {
    const everywhere = node.amopAddresses.join(',')
    same(node.amopAddresses.length, 2, 'ports')
    const listeners = []
    if (go) for (const where of node.amopAddresses) listeners.push(await connect(go, `go at ${where}`, where))
    for (const listener of listeners) await listener.subscribe('news')
    const { messages } = await amqp.consume(await amqp.bound('news'))
    let sent = 0
    for (const sdk of Object.values(several)) {
      await checks.case(`a multicast of ${sdk.version} over two connections comes once`, async () => {
        const publisher = await connect(sdk, sdk.kind, everywhere)
        const wanted = []
        for (let i = 0; i < COUNT; i++) {
          await publisher.multicast('news', `${sdk.kind} ${i}`)
          wanted.push(sha256(`${sdk.kind} ${i}`))
        }
        await publisher.settled()
        await amqp.count(messages, sent + COUNT)
        same(
          messages
            .slice(sent)
            .map(({ content }) => sha256(content))
            .sort(),
          wanted.sort(),
          'what the queue got',
        )
        for (const listener of listeners) {
          const came = (await listener.received('news', sent + COUNT)).slice(sent)
          same(came.map((message) => message.sha256).sort(), wanted, `what ${listener.name} got`)
        }
        sent += COUNT
      })
      await checks.case(`a unicast to ${sdk.version} on two connections comes once`, async () => {
        const subscriber = programs.at(-1)
        const topic = `to ${sdk.kind}`
        await subscriber.subscribe(topic)
        for (let i = 0; i < COUNT; i++) same(await amqpUnicast(amqp, topic, `${i}`), 'ack', 'confirm')
        // Over the same connection as it was sent on, or over the other.
        for (let i = 0; i < COUNT; i++) {
          const self = await subscriber.unicast(topic, 'self')
          same([self.code, self.data?.toString()], [0, `${subscriber.name}:self`], 'answer to itself')
        }
        same((await subscriber.received(topic, 2 * COUNT)).length, 2 * COUNT, 'messages')
      })
    }
    await checks.case('the node stops in good order', () => node.halt())
  } finally {
    await Promise.all(programs.map((program) => program.stop()))
    await node.discard()
  }
}

function amqpUnicast(amqp, topic, text) {
  return amqp.publish('amq.amop', topic, text, { headers: { 'x-amop-mode': 'unicast' } })
}
