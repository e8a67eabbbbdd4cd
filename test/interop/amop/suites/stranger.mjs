import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Amqp } from '../lib/amqp.mjs'
import { holds, same } from '../lib/checks.mjs'
import { freePort, LineProgram, until } from '../lib/lines.mjs'
import { AmopNode, program } from '../lib/node.mjs'
import { replyOf, Sdk } from '../lib/sdk.mjs'

/** The file that a stranger gives to each SDK, as it was written. */
const CONFIGURATION = {
  go: 'go-sdk/config.toml',
  java: 'java-sdk/config.toml',
  web3: 'web3sdk/applicationContext.xml',
}

/** From `leveret amop-certs` to messages in both directions, with nothing but the files it has written. */
export async function stranger(checks, { sdks }) {
  for (const keyType of ['secp256k1', 'rsa']) {
    // With RSA a Java program needs neither BouncyCastle nor a flag.
    const kinds = Object.values(sdks).map((sdk) => (keyType === 'rsa' && sdk.jdkOnly) || sdk)
    const dir = mkdtempSync(join(tmpdir(), 'leveret-certs-'))
    let node
    try {
      // A port that was free a moment ago: the files name it before the node is there.
      const port = String(await freePort())
      const args = ['amop-certs', dir, '--node', `127.0.0.1:${port}`, ...(keyType === 'rsa' ? ['--rsa'] : [])]
      const made = spawnSync(process.execPath, [program, ...args], { encoding: 'utf8' })
      await checks.case(`leveret ${args.join(' ')}`, () => same(made.status, 0, `exit code (${made.stderr})`))
      node = await AmopNode.start({ options: ['--amop-certs', dir], amopPort: port })
      await Promise.all(kinds.map((sdk) => both(checks, sdk, keyType, node, join(dir, 'sdk'))))
      await commands(checks, node, join(dir, 'sdk'))
      await node.halt()
    } finally {
      await node?.discard()
      rmSync(dir, { recursive: true, force: true })
    }
  }
}

async function both(checks, sdk, keyType, node, certificates) {
  await checks.case(`${sdk.version} over its ${keyType} configuration, to a queue and from a publisher`, async () => {
    const amqp = await Amqp.connect(node)
    const program = new Sdk(sdk, 'stranger', join(certificates, CONFIGURATION[sdk.kind]))
    try {
      await program.connected()
      const queue = await amqp.bound(`to-amqp ${sdk.kind}`)
      const { messages } = await amqp.consume(queue)
      same((await program.unicast(`to-amqp ${sdk.kind}`, 'hello AMQP')).code, 0, 'code')
      await amqp.count(messages, 1)
      same(messages[0].content.toString(), 'hello AMQP', 'body')
      await program.subscribe(`to-sdk ${sdk.kind}`)
      const replies = await amqp.replies()
      await amqp.publish('amq.amop', `to-sdk ${sdk.kind}`, 'hello SDK', {
        headers: { 'x-amop-mode': 'unicast' },
        replyTo: replies.queue,
        correlationId: 'one',
      })
      await amqp.count(replies.messages, 1)
      same(replies.messages[0].content, replyOf('stranger', 'hello SDK'), 'answer')
      same(replies.messages[0].properties.correlationId, 'one', 'correlation id')
      same((await program.received(`to-sdk ${sdk.kind}`, 1)).length, 1, 'messages')
    } finally {
      await program.stop()
      await amqp.close()
    }
  })
}

async function commands(checks, node, certificates) {
  const run = (...args) => {
    const where = ['--node', node.amop, '--certs', certificates]
    return new LineProgram(`leveret ${args.join(' ')}`, process.execPath, [program, 'amop', ...args, ...where])
  }
  await checks.case('leveret amop pub to leveret amop sub, over the same files', async () => {
    const subscriber = run('sub', 'commands', '--reply', 'thank you')
    try {
      let publisher
      await until(
        async () => {
          publisher = run('pub', 'commands', 'hello')
          return (await publisher.gone) === 'exit code 0'
        },
        () => `an answer: ${publisher?.output} ${subscriber.output}`,
      )
      holds(publisher.output.includes('thank you'), `the publisher shows ${publisher.output}`)
      holds(subscriber.output.includes('hello'), `the subscriber shows ${subscriber.output}`)
    } finally {
      await subscriber.kill()
    }
  })
}
