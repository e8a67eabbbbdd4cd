import { readFileSync } from 'node:fs'
import test from 'ava'
import { same } from '../codec/same.ts'
import { LateJournal, TestClient, TestNode } from './harness.ts'
import { Random } from './random.ts'
import { seeds } from './seeds.ts'
import { recordedSession } from './session.ts'

/** Feeds each step of a session in pieces; turns run between the steps only, so that answers are gathered alike. */
function play(steps: readonly Buffer[][], split: (step: Buffer) => Buffer[]): { output: Buffer; node: TestNode } {
  const node = new TestNode()
  const client = new TestClient(node)
  const output: Buffer[] = []
  for (const step of steps) {
    for (const piece of split(Buffer.concat(step))) client.receive(piece)
    node.settle()
    output.push(client.transport.take())
  }
  client.disconnect()
  return { output: Buffer.concat(output), node }
}

const whole = (step: Buffer): Buffer[] => [step]

for (const frameMax of [4096, 131072]) {
  const steps = recordedSession(frameMax)

  test(`bytes one by one give the same answers as whole reads (frame-max ${frameMax})`, (t) => {
    const expected = play(steps, whole).output
    const single = play(steps, (step) => {
      const pieces: Buffer[] = []
      for (let at = 0; at < step.length; at++) pieces.push(step.subarray(at, at + 1))
      return pieces
    })
    t.true(single.output.equals(expected))
    t.deepEqual(single.node.internalErrors, [])
    t.is(single.node.timers.size, 0)
  })

  test(`random cuts give the same answers as whole reads (frame-max ${frameMax})`, (t) => {
    const first = Math.floor(Math.random() * 2 ** 31)
    t.log(`seeds from ${first}`)
    const expected = play(steps, whole).output
    for (let seed = first; seed < first + 150; seed++) {
      const random = new Random(seed)
      const cut = play(steps, (step) => random.split(step))
      if (!cut.output.equals(expected)) t.fail(`seed ${seed} gives other answers`)
      t.deepEqual(cut.node.internalErrors, [], `seed ${seed}`)
    }
    t.pass()
  })
}

/** What was said on each channel, in order; confirms apart, which may come in other groups. */
function byChannel(lines: readonly string[]): Map<string, string[]> {
  const channels = new Map<string, string[]>()
  for (const line of lines) {
    const channel = line.split(' ')[0] as string
    if (/^2 basic\.n?ack /.test(line)) continue
    channels.set(channel, [...(channels.get(channel) ?? []), line])
  }
  return channels
}

test('a journal that completes late, a little at a time, changes nothing but when answers come', (t) => {
  const steps = recordedSession(131072)
  const node = new TestNode()
  const client = new TestClient(node)
  const expected: string[] = []
  for (const step of steps) {
    client.send(...step)
    expected.push(...client.transcript())
  }
  seeds(t, 40, (random) => {
    const journal = new LateJournal()
    const node = new TestNode({ journal })
    const client = new TestClient(node)
    const lines: string[] = []
    const completeSome = () => {
      journal.complete(journal.completed + random.below(journal.appended - journal.completed + 1))
    }
    for (const step of steps) {
      // Turns between the pieces would have deliveries come at other times.
      for (const piece of random.split(Buffer.concat(step))) {
        client.receive(piece)
        if (random.below(3) === 0) completeSome()
      }
      do {
        node.settle()
        lines.push(...client.transcript())
        completeSome()
      } while (journal.completed < journal.appended)
      node.settle()
      lines.push(...client.transcript())
    }
    client.disconnect()
    for (const [channel, wanted] of byChannel(expected)) {
      const got = byChannel(lines).get(channel) ?? []
      for (const [index, line] of wanted.entries()) same([channel, index, got[index]], [channel, index, line])
      same(got.length, wanted.length)
    }
    same([journal.waiterCount, node.timers.size, client.transport.lateWrites], [0, 0, 0])
  })
})

test('the recorded session gets the answers that were once checked by hand', (t) => {
  const node = new TestNode()
  const client = new TestClient(node)
  const lines: string[] = []
  for (const step of recordedSession(131072)) {
    client.send(...step)
    lines.push(...client.transcript(), '')
  }
  t.is(`${lines.join('\n')}`, readFileSync('test/amqp/session.expected.txt', 'utf8'))
  t.deepEqual(node.internalErrors, [])
})
