import test from 'ava'
import { type Party, PermissionFileError, parsePermissions, TopicPermissions } from '../../src/amop/index.ts'
import { certificate, TestAmop } from './harness.ts'

const permissions = (file: object): TopicPermissions => new TopicPermissions(parsePermissions(JSON.stringify(file)))

const sdk = (name: string, agency?: string): Party => ({ certificate: certificate(name, agency) })

test('rules about a certificate go by subject, agency or public key', (t) => {
  const { publicKey } = certificate('carol')
  const rules = permissions({
    rules: [
      { subject: 'alice', publish: 'by-subject' },
      { subject: 'C=CN,O=fisco-bcos,CN=a*', publish: 'by-whole-subject' },
      { agency: ['north', 'south'], publish: 'by-agency' },
      { publicKey: `04${publicKey.toUpperCase()}`, publish: 'by-key' },
      { subject: 'alice', agency: 'north', publish: 'by-both' },
    ],
  })
  const may = (party: Party): string[] => {
    const access = rules.accessOf(party)
    return ['subject', 'whole-subject', 'agency', 'key', 'both'].filter((by) => access.publish(`by-${by}`))
  }
  t.deepEqual(may(sdk('alice', 'north')), ['subject', 'whole-subject', 'agency', 'both'])
  t.deepEqual(may(sdk('alice', 'east')), ['subject', 'whole-subject'])
  t.deepEqual(may(sdk('bob', 'south')), ['agency'])
  t.deepEqual(may(sdk('carol', 'east')), ['key'])
  t.deepEqual(may(sdk('dave', 'east')), [])
  t.deepEqual(may({ certificate: undefined }), [])
})

test('rules about a user hold for that user, and not for a certificate of the same name', (t) => {
  const rules = permissions({ rules: [{ user: 'app-*', publish: '*', subscribe: 'in.*' }] })
  const access = rules.accessOf({ user: 'app-1' })
  t.true(access.publish('anything'))
  t.true(access.subscribe('in.x'))
  t.false(access.subscribe('out.x'))
  t.false(rules.accessOf({ user: 'guest' }).publish('anything'))
  t.false(rules.accessOf(sdk('app-1')).publish('anything'))
})

test('rules add up, and others are for whom none names', (t) => {
  const rules = permissions({
    rules: [
      { subject: 'alice', publish: 'a', subscribe: [] },
      { agency: 'agency', subject: '*', subscribe: 'b' },
    ],
    others: { publish: '*', subscribe: ['public.*'] },
  })
  const alice = rules.accessOf(sdk('alice'))
  t.deepEqual([alice.publish('a'), alice.publish('b'), alice.subscribe('b')], [true, false, true])
  const stranger = rules.accessOf({ certificate: undefined })
  t.deepEqual([stranger.publish('x'), stranger.subscribe('public.x'), stranger.subscribe('x')], [true, true, false])
})

test('a star in a pattern stands for anything, everything else for itself', (t) => {
  for (const [pattern, yes, no] of [
    ['a.b', ['a.b'], ['axb', 'a.b.c', '']],
    ['*', ['', 'a', 'a\nb'], []],
    ['a*', ['a', 'ab'], ['ba', '']],
    ['*a', ['a', 'ba'], ['ab']],
    ['a*a', ['aa', 'aba'], ['a']],
    ['a*b*c', ['abc', 'axbxc', 'abbc'], ['acb', 'ab', 'ac']],
    ['*b*', ['b', 'abc'], ['ac']],
    ['a**b', ['ab', 'acb'], ['a']],
    ['ab*bc', ['abbc', 'abxbc'], ['abc']],
    ['*ab*ab', ['abab', 'xabxab'], ['ab', 'aab']],
    ['', [''], ['a']],
    ['[a]+', ['[a]+'], ['a']],
  ] as const) {
    const access = permissions({ rules: [], others: { publish: pattern } }).accessOf({ user: 'u' })
    for (const topic of yes) t.true(access.publish(topic), `${pattern} ${topic}`)
    for (const topic of no) t.false(access.publish(topic), `${pattern} ${topic}`)
  }
})

test('a pattern of many stars takes no time', (t) => {
  const access = permissions({ rules: [], others: { publish: `${'*a'.repeat(100)}b*` } }).accessOf({ user: 'u' })
  const before = performance.now()
  t.false(access.publish('a'.repeat(254)))
  t.true(performance.now() - before < 1000)
})

test('a rule about a topic holds for the names of the private topic', (t) => {
  const rules = permissions({
    rules: [
      { user: 'p', publish: 'secret' },
      { user: 's', subscribe: 'secret' },
    ],
  })
  const [publisher, subscriber] = [rules.accessOf({ user: 'p' }), rules.accessOf({ user: 's' })]
  const v = '#!$TopicNeedVerify_secret'
  const c = `#!$VerifyChannel_${v}_${'0'.repeat(32)}`
  const q = `#!$PushChannel_${v}`
  t.deepEqual(
    [v, c].map((topic) => publisher.publish(topic)),
    [true, true],
  )
  t.deepEqual(
    [v, c, q].map((topic) => publisher.subscribe(topic)),
    [false, false, true],
  )
  t.deepEqual(
    [v, c].map((topic) => subscriber.publish(topic)),
    [false, false],
  )
  t.deepEqual(
    [v, c, q].map((topic) => subscriber.subscribe(topic)),
    [true, true, false],
  )
  t.true(subscriber.subscribe('_block_notify_1'))
  t.false(subscriber.subscribe('#!$TopicNeedVerify_secret2'))
})

test('answers are the same when asked again, also after many other topics', (t) => {
  const access = permissions({ rules: [], others: { publish: 'a*' } }).accessOf({ user: 'u' })
  for (let i = 0; i < 10_000; i++) {
    t.true(access.publish(`a${i}`) && !access.publish(`b${i}`))
  }
  t.true(access.publish('a1') && !access.publish('b1'))
})

for (const [what, text, message] of [
  ['no JSON', '{', /not JSON/],
  ['a list', '[]', /the whole must be an object/],
  ['no rules', '{}', /rules must be there and a list, which may be empty/],
  ['an unknown field', '{"rules":[],"other":{}}', /unknown field 'other'/],
  ['a rule about nobody', '{"rules":[{"publish":"*"}]}', /rules\[0\] names nobody/],
  ['a misspelt right', '{"rules":[{"user":"a"},{"user":"b","publishes":"*"}]}', /rules\[1\].*'publishes'/],
  ['a number for a topic', '{"rules":[{"user":"a","publish":[1]}]}', /rules\[0\]\.publish must be a text/],
  ['a key that is none', '{"rules":[{"publicKey":"xyz"}]}', /publicKey must be hex/],
  ['a name in others', '{"rules":[],"others":{"user":"a"}}', /others has an unknown field 'user'/],
] as const) {
  test(`a file with ${what} is refused and says where it is wrong`, (t) => {
    const error = t.throws(() => parsePermissions(text), { message })
    t.true(error instanceof PermissionFileError)
  })
}

test('an SDK publishes and subscribes only to what it may', (t) => {
  const node = new TestAmop({
    permissions: permissions({
      rules: [
        { subject: 'writer', publish: 'orders.*' },
        { subject: 'reader', subscribe: 'orders.*' },
      ],
    }),
  })
  const reader = node.connect(certificate('reader')).subscribe('orders.new', 'invoices', '_block_notify_1')
  const writer = node.connect(certificate('writer')).subscribe('orders.new')
  t.deepEqual([...reader.session.topics], ['orders.new', '_block_notify_1'])
  t.is(writer.session.topics.size, 0)
  t.like(node.log.find('a subscription is not permitted')?.fields, { session: reader.name, topic: 'invoices' })

  writer.unicast('orders.new')
  t.is(reader.expectUnicast().topic, 'orders.new')
  const refused = reader.unicast('orders.new', 'hi')
  t.like(reader.expectAnswer(refused), { result: 100, text: '' })
  t.like(node.log.find('unicast failed: not permitted')?.fields, { seq: refused, code: 100 })
  const multicast = reader.multicast('orders.new', 'hi')
  t.like(reader.expectAnswer(multicast), { result: 100, text: '' })
  writer.expectNothing()
  t.is(reader.expectAnswer(reader.multicast('_block_notify_1')).result, 0)
})

test('rules that are read anew hold at once', (t) => {
  const node = new TestAmop({ permissions: permissions({ rules: [] }) })
  const subscriber = node.connect(certificate('s')).subscribe('t')
  const publisher = node.connect(certificate('p'))
  t.is(publisher.expectAnswer(publisher.unicast('t')).result, 100)
  node.context.setPermissions(permissions({ rules: [{ subject: ['s', 'p'], publish: '*', subscribe: 't' }] }))
  publisher.unicast('t')
  t.is(subscriber.expectUnicast().topic, 't')
  node.context.setPermissions(permissions({ rules: [{ subject: 'p', publish: '*' }] }))
  publisher.unicast('t')
  subscriber.expectNothing()
  node.context.setPermissions(undefined)
  publisher.unicast('t')
  t.is(subscriber.expectUnicast().topic, 't')
})
