import test from 'ava'
import { parsePermissions, TopicPermissions } from '../../src/amop/index.ts'
import { encodeQueueDeclare, fromObject, longstr, QUEUE_DECLARE_OK, Table } from '../../src/codec/index.ts'
import { declareQueue } from '../../src/server/declaring.ts'
import { openClient } from '../amqp/harness.ts'
import { OfflineBench } from './offline.ts'

/** What a client gets that declares such a queue; undefined when it may. */
function refusal(bench: OfflineBench, args: Table | Record<string, unknown>, user = 'guest'): string | undefined {
  const client = openClient(bench.node, { user, password: user })
  const table = args instanceof Table ? args : fromObject(args)
  client.send(encodeQueueDeclare(1, { queue: 'q', arguments: table, noWait: true }))
  return client.connection.channels.get(1)?.state === 'open' ? undefined : client.expectChannelClose(1)
}

const invalid = (argument: string, reason: string) =>
  `406 PRECONDITION_FAILED - invalid arg '${argument}' for queue 'q' in vhost '/': ${reason} (50,10)`

test('arguments that make no sense are refused in words like those for other arguments', (t) => {
  const bench = new OfflineBench()
  const topic = { 'x-amop-deliver': 'news' }
  const mode = 'x-amop-deliver-mode'
  const prefetch = 'x-amop-deliver-prefetch'
  const cases: [Record<string, unknown> | Table, string][] = [
    [{ 'x-amop-deliver': 5 }, invalid('x-amop-deliver', '{unacceptable_type,signedint}')],
    [{ 'x-amop-deliver': 'é'.repeat(128) }, invalid('x-amop-deliver', '"longer than 254 bytes"')],
    [
      new Table().set('x-amop-deliver', { type: 'S', value: Buffer.from([0x61, 0xff]) }),
      invalid('x-amop-deliver', '"not UTF-8"'),
    ],
    [{ ...topic, [mode]: 'broadcast' }, invalid(mode, `"unsupported mode 'broadcast'"`)],
    [{ ...topic, [mode]: true }, invalid(mode, '{unacceptable_type,bool}')],
    [{ ...topic, [prefetch]: 'many' }, invalid(prefetch, '"expected integer, got longstr"')],
    [{ ...topic, [prefetch]: -1 }, invalid(prefetch, '{value_negative,-1}')],
    [{ ...topic, [prefetch]: 0 }, invalid(prefetch, '{value_zero,0}')],
    [{ ...topic, [prefetch]: 1001 }, invalid(prefetch, '{max_value_exceeded,1001}')],
    [{ [mode]: 'unicast' }, invalid(mode, 'amop_deliver_option_but_no_topic_defined')],
    [{ [prefetch]: 5 }, invalid(prefetch, 'amop_deliver_option_but_no_topic_defined')],
  ]
  for (const [args, text] of cases) t.is(refusal(bench, args), text)
  t.false(bench.node.vhost.queues.has('q'))
  t.is(bench.delivery.queueCount, 0)
})

test('every other topic may be delivered to, up to 254 bytes', (t) => {
  for (const topic of ['', 'news', 'é'.repeat(127), '#!', '*']) {
    const bench = new OfflineBench()
    const args = { 'x-amop-deliver': topic, 'x-amop-deliver-mode': 'unicast', 'x-amop-deliver-prefetch': 1000 }
    t.is(refusal(bench, args), undefined)
    bench.publish('q', 'x')
    t.deepEqual(bench.subscriber(topic).serve(), ['x'])
  }
})

test('topics that belong to the SDKs themselves are refused to everybody', (t) => {
  const bench = new OfflineBench()
  for (const topic of ['#!$TopicNeedVerify_news', '#!$PushChannel_x', '_block_notify_1']) {
    const text = `ACCESS_REFUSED - topic '${topic}' is reserved for SDKs and cannot be used from AMQP`
    t.is(refusal(bench, { 'x-amop-deliver': topic }), `403 ${text} (50,10)`)
    t.throws(() => declareQueue(bench.node.vhost, 'q', { arguments: { 'x-amop-deliver': topic } }), { message: text })
  }
})

test('who declares the queue must be permitted to publish to its topic', (t) => {
  const rules = { rules: [{ user: 'guest', publish: ['news'], subscribe: ['*'] }] }
  const bench = new OfflineBench({ permissions: new TopicPermissions(parsePermissions(JSON.stringify(rules))) })
  t.is(
    refusal(bench, { 'x-amop-deliver': 'other' }),
    "403 ACCESS_REFUSED - publish access to topic 'other' refused for user 'guest' by the topic permissions of AMOP (50,10)",
  )
  t.is(refusal(bench, { 'x-amop-deliver': 'news' }), undefined)
  t.notThrows(() => declareQueue(bench.node.vhost, 'p', { arguments: { 'x-amop-deliver': 'other' } }))
})

test('declaring the queue again must repeat them', (t) => {
  const bench = new OfflineBench()
  const args = { 'x-amop-deliver': 'news', 'x-amop-deliver-mode': 'multicast' }
  bench.declare('q', args)
  bench.declare('q', args)
  t.is(
    refusal(bench, { ...args, 'x-amop-deliver': 'other' }),
    "406 PRECONDITION_FAILED - inequivalent arg 'x-amop-deliver' for queue 'q' in vhost '/': received 'other' but current is 'news' (50,10)",
  )
  t.regex(refusal(bench, { 'x-amop-deliver': 'news' }) ?? '', /inequivalent arg 'x-amop-deliver-mode'/)
})

test('queues of a virtual host that AMOP does not belong to are not delivered', (t) => {
  const bench = new OfflineBench()
  const other = bench.node.virtualHosts.add('other')
  t.throws(() => declareQueue(other, 'q', { arguments: { 'x-amop-deliver': 'news' } }), {
    message: "PRECONDITION_FAILED - queue 'q' in vhost 'other' cannot have 'x-amop-deliver': AMOP belongs to vhost '/'",
  })
  t.notThrows(() => declareQueue(other, 'q', {}))
})

test('a quorum queue takes them, too', (t) => {
  const bench = new OfflineBench()
  const client = openClient(bench.node)
  const args = new Table().set('x-queue-type', longstr('quorum')).set('x-amop-deliver', longstr('news'))
  client.send(encodeQueueDeclare(1, { queue: 'q', durable: true, arguments: args }))
  client.expect(QUEUE_DECLARE_OK)
  t.is(bench.delivery.queueCount, 1)
})

test('a queue that came from a time without AMOP, with arguments that would be refused, is kept and left alone', (t) => {
  const bench = new OfflineBench()
  bench.delivery.close()
  for (const [name, topic] of [
    ['a', 5],
    ['b', '#!$TopicNeedVerify_x'],
    ['c', 'news'],
  ] as const) {
    declareQueue(bench.node.vhost, name, { arguments: { 'x-amop-deliver': topic } })
  }
  const again = new OfflineBench({}, bench.node)
  t.is(again.delivery.queueCount, 1)
  const lines = bench.node.log.lines.filter(({ level }) => level === 'error').map(({ message }) => message)
  t.is(lines.length, 2)
  t.regex(lines[0] as string, /^amop: queue 'a' in vhost '\/' is not delivered to any topic: .*unacceptable_type/)
  t.regex(lines[1] as string, /^amop: queue 'b' in vhost '\/' is not delivered to any topic: topic '#!\$TopicNeed/)
})
