import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { holds, same } from '../lib/checks.mjs'
import { until } from '../lib/lines.mjs'
import { program, residentMiB } from '../lib/node.mjs'
import { frame, newSeq, Raw, topicBody } from '../lib/raw.mjs'
import { Sdk } from '../lib/sdk.mjs'

const MIB_100 = 104_857_600
const NOT_UTF8 = Buffer.from([3, 0xc3, 0x28, 0x78])

/** What is ignored, at most with a line in the log: the connection goes on. */
const borne = {
  'a type nobody knows': frame(0x7777, 'what?'),
  'a unicast without a topic length': frame(0x30),
  'a unicast whose topic has length 0 on the wire': frame(0x30, Buffer.from([0, 1, 2])),
  'a unicast whose topic is longer than its body': frame(0x30, Buffer.from([200, 1, 2])),
  'a multicast whose topic has length 0 on the wire': frame(0x35, Buffer.from([0, 1, 2])),
  'a multicast whose topic is longer than its body': frame(0x35, Buffer.from([255])),
  'topics that are no JSON': frame(0x32, '["a", '),
  'topics that are no array': frame(0x32, '{"topic":"a"}'),
  'topics that are numbers': frame(0x32, '[1,2]'),
  'a topic of 300 bytes': frame(0x32, JSON.stringify(['x'.repeat(300)])),
  'an answer that nobody waits for': frame(0x31, topicBody('t', 'late')),
  'a verification result that is no JSON': frame(0x38, 'ok'),
  'a verification result about nobody': frame(0x38, '{"checkResult":0,"nodeId":"00","topic":"#!$TopicNeedVerify_x"}'),
  'a block notice': frame(0x1001, topicBody('_block_notify_1', '1,1')),
  'a heartbeat of another kind': frame(0x13, 'still here?'),
  'a seq that is no text': frame(0x31, topicBody('t'), { seq: '\xff'.repeat(32) }),
}

/** What ends the connection. */
const fatal = {
  'a length of 0': frame(0x30, '', { length: 0 }),
  'a length of 41': frame(0x30, '', { length: 41 }),
  'a length of 100 MiB and one': frame(0x30, '', { length: MIB_100 + 1 }),
  'the largest length there is': frame(0x30, '', { length: 0xffffffff }),
  'a handshake that is no JSON': frame(0x14, 'hello'),
  'a handshake for protocols 4 to 9': frame(0x14, '{"minimumSupport":4,"maximumSupport":9}'),
  'an HTTP request': Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'),
}

/** Frames and connections as no SDK makes them, while an SDK works with the same node. */
export async function malformed(checks, { sdks, node }) {
  const kinds = Object.values(sdks)
  const witness = await Sdk.connect(kinds[0], 'witness', node)
  const undisturbed = async () => same((await witness.unicast('witness', 'still?')).code, 0, "the witness's own code")
  try {
    await witness.subscribe('witness')
    for (const [what, bytes] of Object.entries(borne)) {
      await checks.case(`${what} is borne`, async () => {
        const raw = await Raw.connect(node)
        raw.send(bytes)
        holds(await raw.alive(), 'no heartbeat after it')
        raw.end()
        await undisturbed()
      })
    }
    for (const [what, bytes] of Object.entries(fatal)) {
      await checks.case(`${what} ends the connection`, async () => {
        const raw = await Raw.connect(node)
        holds(await raw.alive(), 'no heartbeat before it')
        raw.send(bytes)
        await until(() => raw.closed, 'the end of the connection', 5000)
        await undisturbed()
      })
    }
    await answered(checks, node)
    await large(checks, node, undisturbed)
    await strangers(checks, node, undisturbed)
    for (const sdk of kinds) await longTopics(checks, sdk, node)
  } finally {
    await witness.stop()
  }
}

async function answered(checks, node) {
  const raw = await Raw.connect(node)
  const cases = {
    'an RPC that is no JSON gets a parse error': [0x12, '{"id":', /-32700/],
    'an RPC that is no object gets an error': [0x12, '[]', /-32600/],
    'an RPC that a node without a chain has not gets an error': [
      0x12,
      '{"id":7,"method":"sendRawTransaction"}',
      /-32601/,
    ],
    'an event-log filter is refused at once': [0x15, topicBody('', '{"fromBlock":"latest"}'), /"result":1/],
  }
  for (const [what, [type, body, answer]] of Object.entries(cases)) {
    await checks.case(what, async () => {
      const said = await raw.ask(type, body)
      same([said.type, said.result], [type, 0], 'type and result')
      holds(answer.test(said.body.toString()), `the answer is ${said.body}`)
    })
  }
  await checks.case('a topic that is not UTF-8 has nobody who listens', async () => {
    same((await raw.ask(0x30, NOT_UTF8)).result, 100, 'result')
  })
  await checks.case('a unicast and a multicast to block notices reach nobody', async () => {
    raw.send(frame(0x32, '["_block_notify_1"]'))
    same((await raw.ask(0x30, topicBody('_block_notify_1', 'x'))).result, 100, 'result of the unicast')
    same((await raw.ask(0x35, topicBody('_block_notify_1', 'x'))).result, 0, 'result of the multicast')
    same(raw.frames.filter(({ type }) => type === 0x30 || type === 0x35).length, 0, 'deliveries')
  })
  await checks.case('a frame in single bytes is a frame', async () => {
    const seq = newSeq()
    for (const byte of frame(0x30, topicBody('nobody', 'x'), { seq })) raw.send(Buffer.from([byte]))
    await until(() => raw.frames.some((one) => one.seq === seq && one.result === 100), 'code 100')
  })
  raw.end()
}

async function large(checks, node, undisturbed) {
  await checks.case('100 frames that announce 100 MiB and bring none take no memory', async () => {
    const before = residentMiB(node.pid)
    const many = await Promise.all(Array.from({ length: 100 }, () => Raw.connect(node)))
    for (const raw of many) raw.send(frame(0x30, topicBody('t', 'begun'), { length: MIB_100 }))
    await undisturbed()
    const grown = residentMiB(node.pid) - before
    holds(grown < 300, `${grown} MiB more`)
    for (const raw of many) {
      holds(!raw.closed, 'one was closed')
      raw.end()
    }
  })
}

async function strangers(checks, node, undisturbed) {
  const dir = mkdtempSync(join(tmpdir(), 'leveret-foreign-'))
  try {
    spawnSync(process.execPath, [program, 'amop-certs', dir])
    const cases = {
      'a certificate of a foreign authority': () => Raw.connect(node, join(dir, 'sdk')),
      'no certificate at all': () => Raw.connect(node, ''),
    }
    for (const [what, connect] of Object.entries(cases)) {
      await checks.case(`${what} is refused, with a line in the log`, async () => {
        const from = node.log.length
        const raw = await connect()
        raw.send(frame(0x13, '0'))
        await until(() => raw.closed, 'the end of the connection', 5000)
        same(raw.frames.length, 0, 'frames')
        await until(() => node.log.slice(from).some(({ level }) => level === 'warn'), 'a warning')
        await undisturbed()
      })
    }
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
  await checks.case('bytes that are no TLS are refused', async () => {
    const socket = net.connect(node.amopPort, node.host)
    let closed = false
    socket
      .on('error', () => {})
      .on('close', () => {
        closed = true
      })
    socket.write(frame(0x13, '0'))
    socket.resume()
    await until(() => closed, 'the end of the connection', 15_000)
    await undisturbed()
  })
}

/** What an SDK itself makes of a topic that is too long: go-sdk refuses it, the Java SDKs put a wrong length on the wire. */
async function longTopics(checks, sdk, node) {
  await checks.case(`a topic of 255 bytes from ${sdk.version} reaches nobody and harms nobody`, async () => {
    const program = await Sdk.connect(sdk, sdk.kind, node)
    try {
      const { code } = await program.unicast('x'.repeat(255), 'too long', { timeoutMs: 1000 })
      holds(code !== 0, 'it was answered with 0')
      await program.settled()
    } finally {
      await program.stop()
    }
  })
}
