import { holds, same } from '../lib/checks.mjs'
import { until } from '../lib/lines.mjs'
import { Raw, topicBody } from '../lib/raw.mjs'
import { replyOf, Sdk } from '../lib/sdk.mjs'

// Twice the beat on which the Java SDKs try again, and a moment.
const BACK_MS = 45_000
const UNICAST = 0x30
// Some of them hang for good before they have connected often.
const PROGRAMS = 8

/** The node is stopped and started, and killed and started: who can comes back with its topics. */
export async function restart(checks, { sdks, node }) {
  const kinds = Object.values(sdks)
  const programs = await Promise.all(kinds.map((sdk) => Sdk.connect(sdk, sdk.kind, node)))
  try {
    for (const program of programs) {
      await program.subscribe(`first ${program.name}`)
      await program.subscribe(`second ${program.name}`)
    }
    for (const [how, end] of [
      ['stopped', () => node.halt()],
      ['killed', () => node.kill()],
    ]) {
      await end()
      await node.again()
      const since = performance.now()
      await Promise.all(programs.map((program) => comesBack(checks, program, node, how, since)))
      await checks.case(`they talk to each other again after the node was ${how}`, async () => {
        const [from, to] = [programs[0], programs.at(-1)]
        same((await from.unicast(`first ${to.name}`, how)).data, replyOf(to.name, how), 'answer')
        same((await to.unicast(`first ${from.name}`, how)).data, replyOf(from.name, how), 'answer')
      })
    }
  } finally {
    await Promise.all(programs.map((program) => program.stop()))
  }
}

async function comesBack(checks, program, node, how, since) {
  await checks.case(`${program.name} comes back by itself with its topics after the node was ${how}`, async () => {
    const raw = await Raw.connect(node)
    for (const topic of [`first ${program.name}`, `second ${program.name}`]) {
      const answer = await until(
        async () => {
          const said = await raw.ask(UNICAST, topicBody(topic, how))
          if (said.result === 0) return said
          await new Promise((resolve) => setTimeout(resolve, 200))
        },
        `${program.name} on ${topic}`,
        BACK_MS,
      )
      same(answer.body, topicBody(topic, replyOf(program.name, how)), 'answer')
    }
    const seconds = ((performance.now() - since) / 1000).toFixed(1)
    checks.note(`${program.name} was back ${seconds} s after the ${how} node was`)
    raw.end()
  })
}

/** go-sdk 1.1.1 never takes a lost connection for found again: it connects and leaves, dozens of times a second. */
export async function storm(checks, { sdks: { go }, node }) {
  const numbers = Array.from({ length: PROGRAMS }, (_, i) => i + 1)
  const programs = await Promise.all(numbers.map((n) => Sdk.connect(go, `go-${n}`, node)))
  try {
    for (const program of programs) await program.subscribe(`of ${program.name}`)
    await node.halt()
    const from = node.log.length
    await node.again()
    await checks.case("go-sdk's storm is met by the limit per address, with one line in the log", async () => {
      const told = () => node.logged(/connects and leaves again and again/, from)
      await until(() => told().length > 0, 'the line about the storm', 30_000)
      same(told()[0].clientType, 'Go-SDK', 'client type in the log')
      // Long enough for hundreds of connections, were they let in.
      await new Promise((resolve) => setTimeout(resolve, 5000))
      same(told().length, 1, 'lines about the storm')
      const opened = node.logged(/^amop session .* opened/, from).length
      holds(opened <= 150, `${opened} sessions were opened`)
      checks.note(`go-sdk's storm: ${opened} sessions were opened before and while it was turned away`)
    })
    await Promise.all(programs.map((program) => program.stop()))
    await checks.case('a Go program that is started anew connects and gets its messages', async () => {
      const again = await until(
        () => Sdk.connect(go, 'go-again', node).catch(() => undefined),
        'a connection for the new program',
        30_000,
      )
      programs.push(again)
      await again.subscribe('of go-1')
      same((await again.unicast('of go-1', 'back')).data, replyOf('go-again', 'back'), 'answer')
    })
  } finally {
    await Promise.all(programs.map((program) => program.stop()))
  }
}
