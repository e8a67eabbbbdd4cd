import { randomBytes } from 'node:crypto'
import { holds, same } from '../lib/checks.mjs'
import { until } from '../lib/lines.mjs'
import { residentMiB } from '../lib/node.mjs'
import { replyOf, Sdk } from '../lib/sdk.mjs'

/** What the node of this suite is told. */
export const SLOW = ['--amop-output-max', '4MiB', '--amop-output-timeout', '3000']
const BODY = randomBytes(65_536)
const COUNT = 600
// Less than may wait for one that is only busy.
const BURST = 30

/** A program that is frozen with its connection open: it costs others nothing, the node little, and is dropped. */
export async function slow(checks, { sdks, node }) {
  const kinds = Object.values(sdks)
  const publisher = await Sdk.connect(kinds.at(-1), 'publisher', node)
  const good = await Sdk.connect(kinds.at(-1), 'good', node)
  try {
    await good.subscribe('flood')
    for (const sdk of kinds) await frozen(checks, { sdk, node, publisher, good })
  } finally {
    await Promise.all([publisher.stop(), good.stop()])
  }
}

async function frozen(checks, { sdk, node, publisher, good }) {
  const victim = await Sdk.connect(sdk, 'frozen', node)
  const from = node.log.length
  const lines = (pattern) => node.logged(pattern, from).length
  try {
    await victim.subscribe('flood')
    await checks.case(`${sdk.version} is frozen: the others get all, and the node keeps its memory`, async () => {
      const before = (await good.received('flood', 0)).length
      const residentBefore = residentMiB(node.pid)
      process.kill(victim.program.child.pid, 'SIGSTOP')
      for (let sent = BURST; sent <= COUNT; sent += BURST) {
        await Promise.all(Array.from({ length: BURST }, () => publisher.multicast('flood', BODY)))
        await good.received('flood', before + sent)
      }
      const grown = residentMiB(node.pid) - residentBefore
      holds(grown < 150, `the node has grown by ${grown} MiB`)
      await until(() => lines(/is slow: what does not fit goes to others/) === 1, 'the line about it')
    })
    await checks.case(
      `unicasts pass a frozen ${sdk.version} by, and it is dropped with a line in the log`,
      async () => {
        for (let i = 0; i < 20; i++) {
          const { code, data, ms } = await publisher.unicast('flood', BODY)
          same([code, data.toString()], [0, replyOf('good', BODY).toString()], 'answer')
          holds(ms < 3000, `it took ${ms.toFixed(0)} ms`)
        }
        await until(() => lines(/^amop session .* is closed: \d+ bytes wait/) === 1, 'the end of its session')
      },
    )
  } finally {
    await victim.stop()
  }
}
