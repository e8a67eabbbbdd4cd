import { Droppable } from '../../lib/droppable.mjs'
import { holds, same } from '../lib/checks.mjs'
import { until } from '../lib/lines.mjs'
import { replyOf, Sdk } from '../lib/sdk.mjs'

const SESSION_LIMIT_MS = 5000

/** A subscriber that goes away, or says nothing, with the message in hand: the next candidate gets it. */
export async function failover(checks, { sdks, node }) {
  const kinds = Object.values(sdks)
  const publisher = await Sdk.connect(kinds[0], 'publisher', node)
  const survivor = await Sdk.connect(kinds.at(-1), 'survivor', node)
  const context = { checks, node, publisher, survivor }
  try {
    await Promise.all([
      silent(context, kinds[0]),
      alone(context, kinds[0]),
      ...kinds.map(async (sdk) => {
        await dying(context, sdk, 'killed', killed)
        await dying(context, sdk, 'cut off', cutOff)
      }),
    ])
  } finally {
    await Promise.all([publisher.stop(), survivor.stop()])
  }
}

async function dying({ checks, node, publisher, survivor }, sdk, how, connect) {
  await checks.case(`${sdk.version} is ${how} with a message in hand`, async () => {
    const topic = `${how} ${sdk.kind}`
    await survivor.subscribe(topic)
    const { victim, end, stop } = await connect(sdk, node)
    try {
      await victim.subscribe(topic, { mode: 'silent' })
      let endedAt
      victim.onMessage = () => {
        endedAt ??= performance.now()
        end()
      }
      const answer = await firstTo(victim, publisher, topic)
      same(answer.code, 0, 'code')
      same(answer.data, replyOf(survivor.name, answer.sent), 'answer')
      holds(answer.ms < SESSION_LIMIT_MS, `it took ${answer.ms.toFixed(0)} ms`)
      const next = survivor.messages.find(({ sha256 }) => sha256 === victim.messages[0].sha256)
      checks.note(
        `${sdk.version} ${how} with a message in hand: the next had it ${(next.at - endedAt).toFixed(1)} ms later`,
      )
    } finally {
      await stop()
    }
  })
}

/** What the system needs to take a program down, a JVM most of all, counts too. */
async function killed(sdk, node) {
  const victim = await Sdk.connect(sdk, 'victim', node)
  return { victim, end: () => victim.program.kill(), stop: () => victim.stop() }
}

/** Only the connection ends, and at a known time. */
async function cutOff(sdk, node) {
  const way = await Droppable.start({ host: node.host, port: node.amopPort })
  const victim = await Sdk.connect(sdk, 'victim', node, `127.0.0.1:${way.port}`)
  const end = () => {
    for (const connection of way.connections.values()) way.drop(connection)
  }
  const stop = async () => {
    await victim.stop()
    await way.stop()
  }
  return { victim, end, stop }
}

/** Sends until one of the candidates has been the victim. @returns that answer, with what was `sent`. */
async function firstTo(victim, publisher, topic, options) {
  for (let n = 0; ; n++) {
    const sent = `${topic} ${n} ${performance.now()}`
    const answer = await publisher.unicast(topic, sent, options)
    if (victim.messages.length > 0) return { ...answer, sent }
    if (n > 100) throw new Error('100 unicasts, and none of them to the victim')
  }
}

async function silent({ checks, node, publisher, survivor }, sdk) {
  await checks.case('one that is silent is passed over after 5 s', async () => {
    const mute = await Sdk.connect(sdk, 'mute', node)
    try {
      await survivor.subscribe('mute')
      await mute.subscribe('mute', { mode: 'silent' })
      const { code, data, ms, sent } = await firstTo(mute, publisher, 'mute')
      same(code, 0, 'code')
      same(data, replyOf(survivor.name, sent), 'answer')
      holds(ms > SESSION_LIMIT_MS - 100 && ms < SESSION_LIMIT_MS + 3000, `it took ${ms.toFixed(0)} ms`)
    } finally {
      await mute.stop()
    }
  })
}

async function alone({ checks, node, publisher }, sdk) {
  await checks.case('the only one is silent: 104; it dies: 104 at once; nobody is left: 100', async () => {
    const mute = await Sdk.connect(sdk, 'alone', node)
    await mute.subscribe('alone', { mode: 'silent' })
    const slow = await publisher.unicast('alone', 'x')
    same(slow.code, 104, 'code')
    holds(slow.ms > SESSION_LIMIT_MS - 100, `it took ${slow.ms.toFixed(0)} ms`)
    const waiting = publisher.unicast('alone', 'y')
    await until(() => mute.messages.length === 2, 'the second message')
    const killedAt = performance.now()
    await mute.stop()
    const dead = await waiting
    same(dead.code, 104, 'code when it dies')
    checks.note(`104 came ${(dead.at - killedAt).toFixed(1)} ms after the only subscriber was killed`)
    same((await publisher.unicast('alone', 'z')).code, 100, 'code when nobody is left')
  })
}
