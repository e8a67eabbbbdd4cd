import test from 'ava'
import {
  BASIC_CONSUME_OK,
  CONFIRM_SELECT_OK,
  CONNECTION_BLOCKED,
  CONNECTION_UNBLOCKED,
  encodeBasicConsume,
  encodeConfirmSelect,
  encodeConnectionCloseOk,
} from '../../src/codec/index.ts'
import { LateJournal, openClient, publish, type TestClient, TestNode } from './harness.ts'

const MIB = 1024 * 1024
const LARGE = Buffer.alloc(100_000, 'x')
const PERSISTENT = { deliveryMode: 2 }

/** A disk with as much room as the test says, which answers when asked. */
class FakeDisk {
  readonly freeLimit = 50 * MIB
  freeBytes = 1000 * MIB
  asked = 0

  async space() {
    this.asked++
    return { freeBytes: this.freeBytes, totalBytes: 2000 * MIB }
  }
}

/** Lets the disk's answer arrive, and what follows from it. */
async function answered(node: TestNode): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve))
  node.settle()
}

/** Until the disk has been asked again and has answered. */
async function nextAnswer(node: TestNode, disk: FakeDisk): Promise<void> {
  const { asked } = disk
  for (let waited = 0; disk.asked === asked; waited += 100) {
    if (waited > 20_000) throw new Error('the disk is not asked any more')
    node.advance(100)
  }
  await answered(node)
}

async function diskNode() {
  const disk = new FakeDisk()
  const node = new TestNode({ watermark: 300_000, disk })
  await answered(node)
  return { disk, node }
}

function publishOne(client: TestClient): void {
  client.send(publish(1, { routingKey: 'q', body: 'x' }))
}

function error(code: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: no luck, write`), { code })
}

test('a disk with too little room stops publishers, says so, and lets them go on when there is room', async (t) => {
  const { disk, node } = await diskNode()
  const publisher = openClient(node)
  publisher.declareQueue(1, 'q')
  publishOne(publisher)
  publisher.expectNothing()
  disk.freeBytes = 49 * MIB
  await nextAnswer(node, disk)
  publisher.expectNothing()
  publishOne(publisher)
  t.is(publisher.expect(CONNECTION_BLOCKED, 0).reason, 'low on disk')
  t.true(publisher.transport.paused)
  t.is(node.log.lines.filter(({ message }) => message.startsWith('disk alarm:')).length, 1)
  // At the limit is not enough: it is cleared a tenth above.
  disk.freeBytes = 54 * MIB
  await nextAnswer(node, disk)
  t.true(publisher.transport.paused)
  disk.freeBytes = 56 * MIB
  await nextAnswer(node, disk)
  publisher.expect(CONNECTION_UNBLOCKED, 0)
  publisher.expectNothing()
  t.false(publisher.transport.paused)
  t.is(node.log.lines.filter(({ message }) => message.startsWith('disk alarm cleared:')).length, 1)
})

test('a client is told once what is short by then, and goes on when nothing is', async (t) => {
  const { disk, node } = await diskNode()
  const [early, late, reader] = [openClient(node), openClient(node), openClient(node)]
  early.declareQueue(1, 'q')
  for (let i = 0; i < 3; i++) late.send(publish(1, { routingKey: 'q', body: LARGE }))
  publishOne(early)
  t.is(early.expect(CONNECTION_BLOCKED, 0).reason, 'low on memory')
  disk.freeBytes = 0
  await nextAnswer(node, disk)
  early.expectNothing()
  publishOne(late)
  t.is(late.expect(CONNECTION_BLOCKED, 0).reason, 'low on memory & disk')
  // Consumers drain meanwhile, and the memory is free again.
  reader.send(encodeBasicConsume(1, { queue: 'q', noAck: true }))
  reader.expect(BASIC_CONSUME_OK, 1)
  t.is(node.vhost.queues.get('q')?.messageCount, 0)
  t.is(node.alarms.reason, 'low on disk')
  early.expectNothing()
  disk.freeBytes = 1000 * MIB
  await nextAnswer(node, disk)
  for (const client of [early, late]) {
    client.expect(CONNECTION_UNBLOCKED, 0)
    t.false(client.transport.paused)
  }
  t.false(reader.transport.paused)
})

for (const [code, reason, line] of [
  ['ENOSPC', 'low on disk', 'disk alarm: the disk is full; publishers are blocked'],
  ['EDQUOT', 'low on disk', 'disk alarm: the disk is full; publishers are blocked'],
  ['EIO', 'the disk refuses writes', 'disk alarm: the disk refuses writes (EIO: no luck, write); publishers'],
] as const) {
  test(`a journal that cannot be written for ${code} blocks publishers until it can`, (t) => {
    const node = new TestNode()
    const client = openClient(node)
    client.declareQueue(1, 'q')
    node.alarms.journalFailed(error(code))
    publishOne(client)
    t.is(client.expect(CONNECTION_BLOCKED, 0).reason, reason)
    t.truthy(node.log.find(line))
    node.alarms.journalRestored()
    node.settle()
    client.expect(CONNECTION_UNBLOCKED, 0)
    t.truthy(node.log.find('disk alarm cleared: the disk takes writes again'))
    t.false(node.alarms.raised)
  })
}

test('a full disk that both the journal and the watch have met is told of once', async (t) => {
  const { disk, node } = await diskNode()
  const client = openClient(node)
  client.declareQueue(1, 'q')
  disk.freeBytes = 0
  node.alarms.journalFailed(error('ENOSPC'))
  await nextAnswer(node, disk)
  publishOne(client)
  t.is(client.expect(CONNECTION_BLOCKED, 0).reason, 'low on disk')
  disk.freeBytes = 1000 * MIB
  await nextAnswer(node, disk)
  client.expectNothing()
  node.alarms.journalRestored()
  node.settle()
  client.expect(CONNECTION_UNBLOCKED, 0)
})

test('a disk that is behind holds publishers back without a word, consumers go on, and nobody has to publish to end it', (t) => {
  const journal = new LateJournal()
  const node = new TestNode({ journal })
  const [publisher, reader] = [openClient(node), openClient(node)]
  reader.declareQueue(1, 'q', { durable: true })
  journal.complete()
  node.settle()
  const body = Buffer.alloc(10 * MIB)
  // Without confirms, so that nobody else waits for the journal.
  const send = () => publisher.send(publish(1, { routingKey: 'q', body, properties: PERSISTENT }))
  for (let i = 0; i < 7; i++) send()
  t.true(node.alarms.flow)
  t.false(publisher.transport.paused)
  send()
  const eighth = journal.appended
  publisher.expectNothing()
  t.true(publisher.transport.paused)
  reader.send(encodeBasicConsume(1, { queue: 'q', noAck: true }))
  reader.expect(BASIC_CONSUME_OK, 1)
  t.is(reader.expectDelivery().body.length, body.length)
  t.false(reader.transport.paused)
  // Less than half of the bound has to be left: 40 of the 80 MiB are too much, 30 are not.
  journal.complete(eighth - 4)
  node.settle()
  t.true(publisher.transport.paused)
  journal.complete(eighth - 3)
  t.false(publisher.transport.paused)
  t.false(node.alarms.raised)
  t.is(journal.waiterCount, 0)
  publisher.expectNothing()
})

test('messages on their way out of memory hold publishers back too, until enough of them have gone', (t) => {
  let unwritten = 0
  const node = new TestNode({ unwritten: () => unwritten })
  const publisher = openClient(node)
  publisher.declareQueue(1, 'q')
  unwritten = 65 * MIB
  publishOne(publisher)
  publishOne(publisher)
  publisher.expectNothing()
  t.true(publisher.transport.paused)
  unwritten = 33 * MIB
  node.advance(100)
  t.true(publisher.transport.paused)
  unwritten = 32 * MIB
  node.advance(100)
  t.false(publisher.transport.paused)
  t.is(node.timers.size, 0)
})

test('an alarm and flow control at once: the client is told of the alarm, and reading goes on when both are over', (t) => {
  const journal = new LateJournal()
  const node = new TestNode({ journal })
  const client = openClient(node)
  client.declareQueue(1, 'q', { durable: true })
  journal.complete()
  node.settle()
  for (let i = 0; i < 6; i++) {
    client.send(publish(1, { routingKey: 'q', body: Buffer.alloc(13 * MIB), properties: PERSISTENT }))
  }
  node.alarms.journalFailed(error('ENOSPC'))
  client.send(publish(1, { routingKey: 'q', body: 'x', properties: PERSISTENT }))
  t.is(client.expect(CONNECTION_BLOCKED, 0).reason, 'low on disk')
  node.alarms.journalRestored()
  node.settle()
  client.expect(CONNECTION_UNBLOCKED, 0)
  t.true(client.transport.paused)
  journal.complete()
  t.false(client.transport.paused)
  client.expectNothing()
})

test('confirms leave a blocked publisher as soon as the disk takes its messages', (t) => {
  const journal = new LateJournal()
  const node = new TestNode({ journal })
  const client = openClient(node)
  client.declareQueue(1, 'q', { durable: true })
  client.send(encodeConfirmSelect(1, {}))
  client.expect(CONFIRM_SELECT_OK)
  node.alarms.journalFailed(error('ENOSPC'))
  client.send(publish(1, { routingKey: 'q', body: 'x', properties: PERSISTENT }))
  client.expect(CONNECTION_BLOCKED)
  client.expectNothing()
  journal.complete()
  node.alarms.journalRestored()
  node.settle()
  const told = client.transcript().map((line) => line.split(' ')[1])
  t.deepEqual(told.sort(), ['basic.ack', 'connection.unblocked'])
})

test('a publisher that waits for the disk still hears close-ok when the broker closes it', (t) => {
  const journal = new LateJournal()
  const node = new TestNode({ journal })
  const client = openClient(node)
  client.declareQueue(1, 'q', { durable: true })
  for (let i = 0; i < 8; i++) {
    client.send(publish(1, { routingKey: 'q', body: Buffer.alloc(10 * MIB), properties: PERSISTENT }))
  }
  t.true(client.transport.paused)
  client.connection.close(320, 'CONNECTION_FORCED - shutdown')
  node.settle()
  t.false(client.transport.paused)
  t.regex(client.expectConnectionClose(), /^320 /)
  client.send(encodeConnectionCloseOk(0))
  t.true(client.transport.ended)
})
