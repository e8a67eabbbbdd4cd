import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { AmopClient, generateKeyPair } from '../../src/amop-client.ts'
import { temporaryDirectory } from '../helpers/program.ts'
import { until } from '../helpers/until.ts'
import { startPlainNode } from './plain-node.ts'
import { Recorder } from './recorder.ts'
import { formatLine, parseRecording, type Recording } from './recording.ts'
import { type Cut, Replay } from './replay.ts'

// ava runs at the root of the repository.
const FOLDER = join(process.cwd(), 'test/amop/recorded')
const SEED = Number(process.env.FUZZ_SEED ?? Math.floor(Math.random() * 2 ** 31))

const whole: Cut = (bytes) => [bytes]
const byteByByte: Cut = (bytes) => Array.from(bytes, (_, i) => bytes.subarray(i, i + 1))

function atRandom(seed: number): Cut {
  let state = seed
  const random = (): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff
    return state / 0x80000000
  }
  return (bytes) => {
    const parts: Buffer[] = []
    for (let at = 0; at < bytes.length; ) {
      const end = at + 1 + Math.floor(random() * Math.min(200, bytes.length - at))
      parts.push(bytes.subarray(at, end))
      at = end
    }
    return parts
  }
}

function replayInEveryCut(recording: Recording): void {
  new Replay(recording, whole).run()
  new Replay(recording, byteByByte).run()
  for (let i = 0; i < 10; i++) new Replay(recording, atRandom(SEED + i)).run()
}

for (const name of readdirSync(FOLDER).filter((file) => file.endsWith('.session'))) {
  const text = readFileSync(join(FOLDER, name), 'utf8')
  const title = /^# (.*)/.exec(text)?.[1] ?? name
  test(`recorded: ${name}: ${title}`, (t) => {
    t.log(`random cuts from FUZZ_SEED=${SEED}`)
    const recording = parseRecording(text)
    t.true(recording.lines.length > 0)
    replayInEveryCut(recording)
    // What is written is what is read.
    const lines = text.split('\n').filter((line) => /^\d/.test(line))
    t.deepEqual(
      recording.lines.map((line) => formatLine(line).trimEnd()),
      lines,
    )
  })
}

test('what our own client and a node say is recorded, and replayed to the same answers', async (t) => {
  const node = await startPlainNode(t)
  const path = join(await temporaryDirectory(t), 'own.session')
  const recorder = await Recorder.start({ nodePort: node.port, files: undefined, path, title: 'AmopClient' })
  t.teardown(() => recorder.close())
  const connect = () => AmopClient.connect({ nodes: [`127.0.0.1:${recorder.port}`], plain: true })
  const [subscriber, publisher] = [await connect(), await connect()]
  const keys = generateKeyPair()
  await subscriber.subscribe('orders', ({ data }) => `got ${data}`)
  await publisher.subscribe('self', () => 'myself')
  t.is((await publisher.unicast('orders', 'two')).toString(), 'got two')
  t.is((await publisher.unicast('self', 'me')).toString(), 'myself')
  await publisher.multicast('orders', 'all')
  await t.throwsAsync(publisher.unicast('nowhere', 'x'))
  const verified = new Promise((resolve) => publisher.once('verified', resolve))
  await publisher.publishPrivate('secret', [keys.publicKey])
  await subscriber.subscribePrivate('secret', keys.privateKey, () => 'psst')
  await verified
  t.is((await publisher.unicastPrivate('secret', 'x')).toString(), 'psst')
  await Promise.all([subscriber.close(), publisher.close()])
  await until(
    'both ends are recorded',
    () =>
      readFileSync(path, 'utf8')
        .split('\n')
        .filter((line) => / (end|cut)$/.test(line)).length === 2,
  )
  const recording = parseRecording(readFileSync(path, 'utf8'))
  t.true(recording.lines.length > 40, `${recording.lines.length}`)
  replayInEveryCut(recording)

  // A replay that could not fail would prove nothing: each frame of the node is missed, and each byte of one noticed.
  const said = [...recording.lines.entries()].filter(([, { kind }]) => kind === 'said')
  for (const [index] of said) {
    const without = { ...recording, lines: recording.lines.toSpliced(index, 1) }
    t.throws(() => new Replay(without, whole).run())
  }
  const [at, line] = said[0] ?? []
  if (at === undefined || line?.kind !== 'said') throw new Error('nothing was said')
  for (let i = 4; i < line.bytes.length; i++) {
    const bytes = Buffer.from(line.bytes)
    bytes[i] = (bytes[i] as number) ^ 1
    const spoilt = { ...recording, lines: recording.lines.with(at, { ...line, bytes }) }
    t.throws(() => new Replay(spoilt, whole).run())
  }
})
