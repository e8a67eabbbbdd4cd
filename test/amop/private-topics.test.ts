import test from 'ava'
import { PacketType } from '../../src/amop/index.ts'
import { TestAmop, type TestSdk } from './harness.ts'

const { MULTICAST, RESPONSE, VERIFY_REQUEST, VERIFY_RESULT } = PacketType

const V = '#!$TopicNeedVerify_secret'
const Q = `#!$PushChannel_${V}`
const C = (digit: string, topic = V): string => `#!$VerifyChannel_${topic}_${digit.repeat(32)}`

interface VerifyRequest {
  readonly nodeId: string
  readonly topic: string
  readonly topicForCert: string
}

const verdict = (publisher: TestSdk, { nodeId, topic }: VerifyRequest, checkResult: number): void => {
  publisher.send(VERIFY_RESULT, JSON.stringify({ checkResult, nodeId, topic }))
}

/** Takes the 0x37 and says what came of it. */
function verify(publisher: TestSdk, checkResult = 0): VerifyRequest {
  const request = publisher.expectJson(VERIFY_REQUEST)
  verdict(publisher, request, checkResult)
  return request
}

function reaches(publisher: TestSdk, topic = V): number {
  const seq = publisher.unicast(topic, 'hi')
  const answers = publisher.takeAll()
  return answers.find((answer) => answer.seq === seq)?.result ?? 0
}

test('a subscriber gets the private topic’s messages after it has passed its challenge', (t) => {
  const node = new TestAmop()
  const subscriber = node.subscriber(V, C('a'))
  const publisher = node.connect()
  t.is(reaches(publisher), 100)
  publisher.subscribe(Q)
  const request = publisher.expect(VERIFY_REQUEST)
  t.is(request.result, 0)
  const json = JSON.parse(request.text)
  t.like(json, { topic: V, topicForCert: C('a') })
  t.regex(json.nodeId, /^[0-9a-f]{128}$/)
  // go-sdk acknowledges with a 0x31, java-sdk with a 0x37.
  publisher.send(VERIFY_REQUEST, '', { seq: request.seq })
  publisher.send(RESPONSE, '', { seq: request.seq })

  const seq = publisher.unicast(C('a'), 'challenge')
  const challenge = subscriber.expectUnicast()
  t.like(challenge, { topic: C('a'), text: 'challenge' })
  subscriber.answer(challenge, 'signature')
  t.like(publisher.expectAnswer(seq), { topic: C('a'), text: 'signature', result: 0 })

  t.is(reaches(publisher), 100)
  verdict(publisher, json, 0)
  publisher.expectNothing()
  t.is(reaches(publisher), 0)
  t.like(subscriber.expectUnicast(), { topic: V, text: 'hi' })
  publisher.multicast(V, 'to all')
  t.like(subscriber.expect(MULTICAST), { topic: V, text: 'to all' })
})

test('a subscriber that fails gets nothing, now and after a re-announcement', (t) => {
  const node = new TestAmop()
  const subscriber = node.subscriber(V, C('a'))
  const publisher = node.connect().subscribe(Q)
  verify(publisher, 1)
  t.is(reaches(publisher), 100)
  publisher.multicast(V)
  subscriber.subscribe(V, C('b'), 'more')
  node.advance(20_000)
  publisher.takeAll()
  t.is(reaches(publisher), 100)
  subscriber.expectNothing()
  t.truthy(node.log.find('was refused'))
})

test('one that leaves the topic and comes back is challenged again', (t) => {
  const node = new TestAmop()
  const subscriber = node.subscriber(V, C('a'))
  const publisher = node.connect().subscribe(Q)
  const first = verify(publisher)
  subscriber.subscribe()
  t.is(reaches(publisher), 100)
  subscriber.subscribe(V, C('a'))
  t.is(reaches(publisher), 100)
  subscriber.subscribe()
  subscriber.subscribe(V, C('a'))
  const request = publisher.expectJson(VERIFY_REQUEST)
  t.not(request.nodeId, first.nodeId)
})

test('a verified session that announces another challenge topic keeps its state', (t) => {
  const node = new TestAmop()
  const subscriber = node.subscriber(V, C('a'))
  const publisher = node.connect().subscribe(Q)
  verify(publisher)
  subscriber.subscribe(V, C('b'), 'other')
  publisher.subscribe(Q, 'more')
  publisher.expectNothing()
  t.is(reaches(publisher), 0)
  t.is(subscriber.expectUnicast().topic, V)
})

test('every session is verified for itself', (t) => {
  const node = new TestAmop()
  const good = node.subscriber(V, C('a'))
  const bad = node.subscriber(V, C('b'))
  const publisher = node.connect().subscribe(Q)
  const requests: VerifyRequest[] = [publisher.expectJson(VERIFY_REQUEST), publisher.expectJson(VERIFY_REQUEST)]
  t.not(requests[0]?.nodeId, requests[1]?.nodeId)
  for (const request of requests) verdict(publisher, request, request.topicForCert === C('a') ? 0 : 1)
  for (let i = 0; i < 20; i++) publisher.unicast(V)
  publisher.multicast(V)
  t.is(good.takeAll().length, 21)
  bad.expectNothing()
})

test('a result counts only from the session that was asked', (t) => {
  const node = new TestAmop()
  const subscriber = node.subscriber(V, C('a'))
  const publisher = node.connect().subscribe(Q)
  const request = publisher.expectJson(VERIFY_REQUEST)
  const stranger = node.connect().subscribe(Q)
  verdict(stranger, request, 0)
  verdict(subscriber, request, 0)
  t.is(reaches(publisher), 100)
  t.truthy(node.log.find('was not asked'))
  verdict(publisher, request, 0)
  t.is(reaches(publisher), 0)
})

test('results that are no results change nothing', (t) => {
  const node = new TestAmop()
  node.subscriber(V, C('a'))
  const publisher = node.connect().subscribe(Q)
  const { nodeId, topic } = publisher.expectJson(VERIFY_REQUEST)
  for (const body of [
    '',
    '[]',
    '{}',
    JSON.stringify({ checkResult: 0, nodeId: 'x', topic }),
    JSON.stringify({ checkResult: 0, nodeId, topic: 'x' }),
    JSON.stringify({ checkResult: '0', nodeId, topic }),
    JSON.stringify({ nodeId, topic }),
  ]) {
    publisher.send(VERIFY_RESULT, body)
  }
  t.is(reaches(publisher), 100)
  verdict(publisher, { nodeId, topic, topicForCert: '' }, 0)
  t.is(reaches(publisher), 0)
})

test('a verdict cannot be changed by a second one', (t) => {
  const node = new TestAmop()
  node.subscriber(V, C('a'))
  const publisher = node.connect().subscribe(Q)
  const request = verify(publisher, 1)
  verdict(publisher, request, 0)
  t.is(reaches(publisher), 100)
})

test('who stays silent is asked again after 5 s, and nobody is asked twice in between', (t) => {
  const node = new TestAmop()
  const subscriber = node.subscriber(V, C('a'))
  const publisher = node.connect().subscribe(Q)
  const first = publisher.expectJson(VERIFY_REQUEST)
  publisher.subscribe(Q)
  subscriber.subscribe(V, C('a'))
  node.advance(4_999)
  publisher.expectNothing()
  node.advance(1)
  const second = publisher.expectJson(VERIFY_REQUEST)
  t.deepEqual(second, first)
  verdict(publisher, second, 0)
  node.advance(20_000)
  publisher.expectNothing()
})

test('while nobody publishes, a subscriber waits; the first publisher is asked', (t) => {
  const node = new TestAmop()
  const subscriber = node.subscriber(V, C('a'))
  node.advance(20_000)
  subscriber.expectNothing()
  const publisher = node.connect().subscribe(Q)
  t.is(publisher.expectJson(VERIFY_REQUEST).topicForCert, C('a'))
  publisher.disconnect()
  const other = node.connect().subscribe(Q)
  t.is(other.expectJson(VERIFY_REQUEST).topicForCert, C('a'))
})

test('one that announces no challenge topic is never asked about', (t) => {
  const node = new TestAmop()
  const subscriber = node.subscriber(V, C('a', `${V}x`))
  const publisher = node.connect().subscribe(Q)
  // It begins like one, as the C++ node has it; the exact one is preferred.
  t.is(publisher.expectJson(VERIFY_REQUEST).topicForCert, C('a', `${V}x`))
  subscriber.subscribe(V, C('a', `${V}x`), C('b'))
  t.is(publisher.expectJson(VERIFY_REQUEST).topicForCert, C('b'))
  node.subscriber(V, 'something else')
  node.advance(10_000)
  for (const { text } of publisher.takeAll()) t.is(JSON.parse(text).topicForCert, C('b'))
})

test('a challenge to a topic that was replaced does not spoil the next one', (t) => {
  const node = new TestAmop()
  const subscriber = node.subscriber(V, C('a'))
  const publisher = node.connect().subscribe(Q)
  const first = publisher.expectJson(VERIFY_REQUEST)
  // As java-sdk does when it has connected.
  subscriber.subscribe(V, C('b'))
  const second = publisher.expectJson(VERIFY_REQUEST)
  t.is(second.topicForCert, C('b'))
  verdict(publisher, first, 1)
  verdict(publisher, second, 0)
  t.is(reaches(publisher), 0)
})

test('a publisher on another certificate reaches a verified subscriber as well', (t) => {
  const node = new TestAmop()
  const subscriber = node.subscriber(V, C('a'))
  verify(node.connect().subscribe(Q))
  const other = node.connect().subscribe(Q)
  t.is(reaches(other), 0)
  t.is(subscriber.takeAll().length, 1)
})

test('nothing is left of sessions that have gone', (t) => {
  const node = new TestAmop()
  const subscriber = node.subscriber(V, C('a'), C('b', '#!$TopicNeedVerify_two'), '#!$TopicNeedVerify_two')
  const publisher = node.connect().subscribe(Q, '#!$PushChannel_#!$TopicNeedVerify_two')
  verify(publisher)
  publisher.disconnect()
  subscriber.disconnect()
  t.is(node.timers.size, 0)
  t.is(node.context.router.table.size, 0)
  t.is(node.context.privateTopics.state(subscriber.session, V), undefined)
  t.deepEqual(node.internalErrors, [])
})
