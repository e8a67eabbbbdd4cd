// AmopClient behind the lines that the programs over other SDKs read; README.md has them.
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { AmopClient, AmopError } from '../../../dist/src/amop-client.js'

const REPLIED_WHOLE = 1024
const [name, nodes, certsDirectory] = process.argv.slice(2)

const sha256 = (data) => createHash('sha256').update(data).digest('hex')

function say(event) {
  const { data } = event
  process.stdout.write(`${JSON.stringify(data ? { ...event, data: Buffer.from(data).toString('base64') } : event)}\n`)
}

function handler(topic, mode) {
  return async ({ data }) => {
    const whole = data.length <= REPLIED_WHOLE
    say({ event: 'message', topic, bytes: data.length, sha256: sha256(data), ...(whole && { data }) })
    if (mode === 'silent') await new Promise((resolve) => setTimeout(resolve, 60_000))
    return Buffer.concat([Buffer.from(`${name}:`), whole ? data : Buffer.from(sha256(data))])
  }
}

async function answer(id, call) {
  try {
    say({ event: 'answer', id, code: 0, data: (await call) ?? null })
  } catch (error) {
    say({ event: 'answer', id, code: error instanceof AmopError ? error.code : -1, error: error.message })
  }
}

async function bulk(client, { id, topic, file, messages, window, timeoutMs }) {
  const bytes = await readFile(file)
  let next = 0
  const worker = async () => {
    while (next < messages.length) {
      const i = next++
      const [offset, size] = messages[i]
      const header = Buffer.alloc(8)
      header.writeUInt32BE(id + i, 0)
      header.writeUInt32BE(size, 4)
      const data = Buffer.concat([header, bytes.subarray(offset, offset + size)])
      await answer(id + i, client.unicast(topic, data, { timeoutMs }))
    }
  }
  await Promise.all(Array.from({ length: window }, worker))
}

const actions = {
  async subscribe(client, { topic, mode, privateKey }) {
    if (privateKey) await client.subscribePrivate(topic, privateKey, handler(topic, mode))
    else await client.subscribe(topic, handler(topic, mode))
  },
  async unsubscribe(client, { topic, private: isPrivate }) {
    await (isPrivate ? client.unsubscribePrivate(topic) : client.unsubscribe(topic))
  },
  async claim(client, { topic, publicKeys }) {
    await client.publishPrivate(topic, publicKeys)
  },
  unicast(client, { id, topic, data, private: isPrivate, timeoutMs }) {
    const body = Buffer.from(data, 'base64')
    const send = isPrivate
      ? client.unicastPrivate(topic, body, { timeoutMs })
      : client.unicast(topic, body, { timeoutMs })
    answer(id, send)
  },
  multicast(client, { id, topic, data, private: isPrivate }) {
    const body = Buffer.from(data, 'base64')
    answer(id, isPrivate ? client.multicastPrivate(topic, body) : client.multicast(topic, body))
  },
  bulk(client, order) {
    bulk(client, order).catch((error) => say({ event: 'fault', error: error.message }))
  },
  exit() {
    process.exit(0)
  },
}

try {
  const client = await AmopClient.connect({ nodes: nodes.split(','), certsDirectory })
  say({ event: 'connected' })
  for await (const line of createInterface({ input: process.stdin })) {
    const order = JSON.parse(line)
    const { op, id } = order
    Promise.resolve()
      .then(() => actions[op](client, order))
      .then(() => say({ event: 'done', op, id }))
      .catch((error) => say({ event: 'refused', op, id, error: error.message }))
  }
  process.exit(0)
} catch (error) {
  say({ event: 'fault', error: error.message })
  process.exit(1)
}
