import { Amqp } from '../lib/amqp.mjs'
import { holds, same } from '../lib/checks.mjs'
import { until } from '../lib/lines.mjs'
import { Sdk, sha256 } from '../lib/sdk.mjs'

const EARLY = 40
const LATE = 10

const sumsOf = (first, last, topic) => {
  return Array.from({ length: last - first + 1 }, (_, i) => sha256(`${topic} ${first + i}`))
}

/** Queues that hold what an SDK that is away will get, with the broker killed in between. */
export async function offline(checks, { sdks, node }) {
  const kinds = Object.values(sdks)
  let amqp = await Amqp.connect(node)
  const topicOf = (sdk) => `later ${sdk.kind}`
  for (const sdk of kinds) {
    const topic = topicOf(sdk)
    const args = { 'x-amop-deliver': topic, 'x-amop-deliver-prefetch': 1 }
    await amqp.channel.assertQueue(topic, { durable: true, arguments: args })
    await publish(amqp, topic, 1, EARLY)
  }
  await node.kill()
  await node.again()
  amqp = await Amqp.connect(node)
  for (const sdk of kinds) await publish(amqp, topicOf(sdk), EARLY + 1, EARLY + LATE)
  await Promise.all(kinds.map((sdk) => comesLate(checks, sdk, node, amqp, topicOf(sdk))))
  await killedWhileDelivering(checks, kinds[0], node, amqp)
  amqp = await Amqp.connect(node)
  await multicast(checks, kinds, node, amqp)
  await amqp.close()
}

async function publish(amqp, queue, first, last) {
  for (let i = first; i <= last; i++) {
    same(await amqp.publish('', queue, `${queue} ${i}`, { persistent: true }), 'ack', 'confirm')
  }
}

async function isEmpty(amqp, queue) {
  await until(async () => (await amqp.channel.checkQueue(queue)).messageCount === 0, `an empty queue ${queue}`)
}

async function comesLate(checks, sdk, node, amqp, topic) {
  await checks.case(`${sdk.version} comes late and gets all in order, once`, async () => {
    const program = await Sdk.connect(sdk, sdk.kind, node)
    try {
      await program.subscribe(topic)
      const came = await program.received(topic, EARLY + LATE, 30_000)
      same(
        came.map((message) => message.sha256),
        sumsOf(1, EARLY + LATE, topic),
        'messages',
      )
      await isEmpty(amqp, topic)
      same(program.messages.length, EARLY + LATE, 'messages in the end')
    } finally {
      await program.stop()
    }
  })
}

async function killedWhileDelivering(checks, sdk, node, amqp) {
  await checks.case(`the broker is killed while ${sdk.version} gets its messages: none is lost`, async () => {
    const topic = 'interrupted'
    const count = 2000
    await amqp.channel.assertQueue(topic, { durable: true, arguments: { 'x-amop-deliver': topic } })
    await Promise.all(
      Array.from({ length: count }, (_, i) => amqp.publish('', topic, `${topic} ${i + 1}`, { persistent: true })),
    )
    const first = await Sdk.connect(sdk, 'first', node)
    await first.subscribe(topic)
    await until(() => first.messages.length >= count / 10, 'the first of them')
    await node.kill()
    await first.stop()
    const had = first.messages.length
    await node.again()
    const second = await Sdk.connect(sdk, 'second', node)
    try {
      const again = await Amqp.connect(node)
      await second.subscribe(topic)
      await isEmpty(again, topic)
      await again.close()
      const came = new Set([...first.messages, ...second.messages].map((message) => message.sha256))
      same(came.size, count, 'different messages')
      holds(had < count, 'all had come before the broker was killed')
      const twice = had + second.messages.length - count
      checks.note(`${had} of ${count} had come when the broker was killed; ${twice} came twice`)
    } finally {
      await second.stop()
    }
  })
}

async function multicast(checks, kinds, node, amqp) {
  await checks.case('a queue that multicasts reaches every SDK that is there', async () => {
    const topic = 'to all of them'
    const args = { 'x-amop-deliver': topic, 'x-amop-deliver-mode': 'multicast' }
    await amqp.channel.assertQueue(topic, { durable: true, arguments: args })
    const programs = await Promise.all(kinds.map((sdk) => Sdk.connect(sdk, sdk.kind, node)))
    try {
      await Promise.all(programs.map((program) => program.subscribe(topic)))
      await publish(amqp, topic, 1, EARLY)
      for (const program of programs) {
        const came = await program.received(topic, EARLY)
        same(came.map((message) => message.sha256).sort(), sumsOf(1, EARLY, topic).sort(), `what ${program.name} got`)
      }
      await isEmpty(amqp, topic)
    } finally {
      await Promise.all(programs.map((program) => program.stop()))
    }
  })
}
