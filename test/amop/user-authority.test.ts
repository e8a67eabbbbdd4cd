import test from 'ava'
import { parsePermissions, TopicPermissions } from '../../src/amop/index.ts'
import { UserAuthority } from '../../src/amop/user-authority.ts'
import { AmqpError } from '../../src/broker/index.ts'
import { TestAmop } from './harness.ts'

function permissions(rules: object): TopicPermissions {
  return new TopicPermissions(parsePermissions(JSON.stringify(rules)))
}

const ALICE_ONLY = permissions({ rules: [{ user: 'alice', publish: 'news*', subscribe: ['jobs'] }] })

function refusal(run: () => void): string | undefined {
  try {
    run()
  } catch (error) {
    if (!(error instanceof AmqpError)) throw error
    return `${error.code} ${error.message}`
  }
  return undefined
}

test('without rules a user may use every topic but those of the SDKs', (t) => {
  const authority = new UserAuthority(new TestAmop().context)
  for (const action of ['publish', 'subscribe'] as const) {
    for (const topic of ['news', '', '#!', '_block_notify']) authority.check('guest', action, topic)
    for (const topic of ['#!$TopicNeedVerify_news', '#!$VerifyChannel_x', '#!$', '_block_notify_1', '_block_notify_']) {
      const text = `403 ACCESS_REFUSED - topic '${topic}' is reserved for SDKs and cannot be used from AMQP`
      t.is(
        refusal(() => authority.check('guest', action, topic)),
        text,
      )
      t.is(
        refusal(() => authority.check(undefined, action, topic)),
        text,
      )
    }
  }
})

test('a rule about a user by name holds for that user, and the text names user and topic', (t) => {
  const authority = new UserAuthority(new TestAmop({ permissions: ALICE_ONLY }).context)
  authority.check('alice', 'publish', 'newsflash')
  authority.check('alice', 'subscribe', 'jobs')
  t.is(
    refusal(() => authority.check('alice', 'subscribe', 'newsflash')),
    "403 ACCESS_REFUSED - subscribe access to topic 'newsflash' refused for user 'alice' by the topic permissions of AMOP",
  )
  t.is(
    refusal(() => authority.check('bob', 'publish', 'newsflash')),
    "403 ACCESS_REFUSED - publish access to topic 'newsflash' refused for user 'bob' by the topic permissions of AMOP",
  )
})

test('the program that the broker is embedded in is no user, and no rule is about it', (t) => {
  const authority = new UserAuthority(new TestAmop({ permissions: ALICE_ONLY }).context)
  t.notThrows(() => authority.check(undefined, 'publish', 'secret'))
})

test('rules that are read anew hold at once, and keepers of answers can tell', (t) => {
  const { context } = new TestAmop({ permissions: ALICE_ONLY })
  const authority = new UserAuthority(context)
  authority.check('alice', 'publish', 'news')
  const { generation } = authority
  context.setPermissions(permissions({ rules: [] }))
  t.not(authority.generation, generation)
  t.truthy(refusal(() => authority.check('alice', 'publish', 'news')))
  context.setPermissions(undefined)
  t.is(
    refusal(() => authority.check('alice', 'publish', 'news')),
    undefined,
  )
})

test('who may use every topic, or every one behind a prefix, is known by the rules', (t) => {
  const rules = {
    rules: [
      { user: 'admin', publish: '*' },
      { user: 'orders', publish: ['orders.*', 'news'] },
    ],
  }
  const authority = new UserAuthority(new TestAmop({ permissions: permissions(rules) }).context)
  authority.checkAll('admin', 'publish')
  authority.checkAll('orders', 'publish', 'orders.')
  authority.checkAll(undefined, 'publish')
  t.is(
    refusal(() => authority.checkAll('orders', 'publish')),
    "403 ACCESS_REFUSED - publish access to every topic that begins with '' refused for user 'orders' by the topic permissions of AMOP",
  )
  t.truthy(refusal(() => authority.checkAll('admin', 'subscribe')))
  new UserAuthority(new TestAmop().context).checkAll('guest', 'publish')
})
