import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { holds, same } from '../lib/checks.mjs'
import { LineProgram, until } from '../lib/lines.mjs'

const MESSAGES = 50
// What the publishers wait before they send, in seconds: the subscriber is there by then.
const WAIT = '1'

/** go-sdk's own example programs, built from its module as they are. */
export async function examples(checks, { sdks: { go }, node }) {
  // They read ca.crt, sdk.crt and sdk.key from where they run.
  const cwd = mkdtempSync(join(tmpdir(), 'leveret-examples-'))
  for (const file of ['ca.crt', 'sdk.crt', 'sdk.key']) cpSync(join(node.certificates, file), join(cwd, file))
  const programs = []
  const run = (name, topic, ...more) => {
    const program = new LineProgram(name, go.examples[name], [node.amop, topic, ...more], { cwd })
    programs.push(program)
    return program
  }
  const both = (publisher, topic) =>
    checks.case(`${publisher} to subscriber`, async () => {
      const subscriber = run('subscriber', topic)
      await until(() => /Subscriber .* success/.test(subscriber.output), 'the subscriber subscribes')
      const sender = run(publisher, topic, WAIT)
      same(await sender.gone, 'exit code 0', 'end of the publisher')
      // It ends with 0 only on the publisher's last message, a multicast of "Done".
      same(await subscriber.gone, 'exit code 0', 'end of the subscriber')
      same(count(subscriber, /received: hello, FISCO BCOS/), MESSAGES, 'messages')
      holds(!/failed/.test(sender.output), `the publisher reports a failure:\n${sender.output}`)
    })
  const verified = () =>
    checks.case('private-publisher to private-subscriber', async () => {
      const subscriber = run('private-subscriber', 'private-example')
      await until(() => /Subscriber success/.test(subscriber.output), 'the subscriber subscribes')
      const sender = run('private-publisher', 'private-example')
      await until(() => count(subscriber, /received: Hi, FISCO BCOS!/) >= 3, '3 private messages', 30_000)
      holds(!/failed/.test(sender.output), `the publisher reports a failure:\n${sender.output}`)
    })
  try {
    await Promise.all([both('unicast-publisher', 'unicast'), both('broadcast-publisher', 'broadcast'), verified()])
  } finally {
    await Promise.all(programs.map((program) => program.kill()))
    rmSync(cwd, { recursive: true, force: true })
  }
}

function count({ output }, line) {
  return output.split('\n').filter((text) => line.test(text)).length
}
