import test from 'ava'
import { type User, UserRecordType, UserReplay, Users } from '../../src/auth/index.ts'
import { silentLogger } from '../../src/base/index.ts'
import { readText } from '../../src/codec/index.ts'
import type { Random } from '../amqp/random.ts'
import { seeds } from '../amqp/seeds.ts'
import { same } from '../codec/same.ts'
import { type Recorded, RecordingJournal } from '../helpers/recording-journal.ts'
import { RecordingLogger } from '../helpers/recording-logger.ts'

const ALL = { configure: '.*', write: '.*', read: '.*' }

function keeping(): { users: Users; journal: RecordingJournal } {
  const journal = new RecordingJournal()
  return { users: new Users({ log: journal }), journal }
}

function replay(records: readonly Recorded[], log = silentLogger): Users {
  const found = new UserReplay(log)
  for (const { type, bytes } of records) {
    const buffer = Buffer.concat([Buffer.alloc(3, 0xaa), bytes, Buffer.alloc(3, 0xbb)])
    if (!found.record(type, buffer, 3, 3 + bytes.length)) throw new Error(`nobody knows type ${type}`)
    buffer.fill(0xcc)
  }
  const users = new Users()
  found.apply(users)
  return users
}

/** All that the users would write: who they are and what each may do. */
function stateOf(users: Users): string[] {
  const lines: string[] = []
  users.write((record, type) => {
    const bytes = Buffer.alloc(record.byteLength())
    record.write(bytes, 0)
    lines.push(`${type} ${bytes.toString('hex')}`)
  })
  return lines.sort()
}

test('users come back with password, tags and permissions', (t) => {
  const { users, journal } = keeping()
  users.add('anna', 'Pässwort', ['administrator', 'mine'])
  users.add('berta', 'b')
  users.setPermissions('anna', '/', { configure: '', write: '^a/b', read: 'x|y' })
  users.setTopicPermissions('anna', '/', 'amq.topic', { write: '{username}.#', read: '' })
  users.setTopicPermissions('berta', '/', 'amq.topic', { write: 'only a topic', read: '.*' })
  const back = replay(journal.records)
  t.deepEqual(back.names(), ['anna', 'berta'])
  t.deepEqual(back.authenticate('anna', 'Pässwort'), { name: 'anna', tags: ['administrator', 'mine'] })
  t.is(back.authenticate('anna', 'b'), undefined)
  const may = back.permissions(back.find('anna') as User, '/')
  t.deepEqual(
    [may?.configure('x'), may?.configure(''), may?.write('a/b/c'), may?.write('xa/b'), may?.read('y')],
    [false, true, true, false, true],
  )
  t.true(may?.writeTopic('amq.topic', 'anna.#'))
  t.false(may?.writeTopic('amq.topic', 'berta.#'))
  t.is(back.permissions(back.find('berta') as User, '/'), undefined, 'a topic permission lets nobody in')
  t.deepEqual(stateOf(back), stateOf(users))
})

test('what was taken from users stays taken', (t) => {
  const { users, journal } = keeping()
  for (const name of ['anna', 'berta', 'clara']) {
    users.add(name, 'x')
    for (const vhost of ['/', 'v', 'w']) {
      users.setPermissions(name, vhost, ALL)
      users.setTopicPermissions(name, vhost, 'amq.topic', { write: 'a', read: 'b' })
    }
  }
  users.delete('anna')
  users.clearPermissions('berta', '/')
  users.clearTopicPermissions('berta', 'v', 'amq.topic')
  users.forgetVirtualHost('w')
  const back = replay(journal.records)
  t.deepEqual(stateOf(back), stateOf(users))
  t.deepEqual(back.names(), ['berta', 'clara'])
  const berta = back.find('berta') as User
  t.is(back.permissions(berta, '/'), undefined)
  t.true(back.permissions(berta, 'v')?.writeTopic('amq.topic', 'zzz'))
  t.is(back.permissions(back.find('clara') as User, 'w'), undefined)
})

test('a user who is deleted and made again begins with nothing', (t) => {
  const { users, journal } = keeping()
  users.add('anna', 'old')
  users.setPermissions('anna', '/', ALL)
  users.delete('anna')
  users.add('anna', 'new')
  const back = replay(journal.records)
  t.is(back.permissions(back.find('anna') as User, '/'), undefined)
  t.truthy(back.authenticate('anna', 'new'))
})

test('a refused change is not told of, nor one of nothing', (t) => {
  const { users, journal } = keeping()
  users.add('anna', 'x')
  const before = journal.records.length
  t.throws(() => users.setPermissions('anna', '/', { configure: '(', write: '', read: '' }), {
    instanceOf: SyntaxError,
  })
  t.throws(() => users.setPermissions('nobody', '/', ALL), { instanceOf: RangeError })
  t.throws(() => users.setTopicPermissions('anna', '/', 'x', { write: '[', read: '' }), { instanceOf: SyntaxError })
  t.false(users.delete('nobody'))
  users.clearPermissions('nobody', '/')
  users.clearTopicPermissions('anna', 'v', 'x')
  t.is(journal.records.length, before)
})

test('a pattern that is none any more leaves the user without that permission, and the log says so', (t) => {
  const { users, journal } = keeping()
  users.add('anna', 'x')
  users.setPermissions('anna', '/', { configure: 'abc', write: '.*', read: '.*' })
  const log = new RecordingLogger()
  const spoilt = journal.records.map(({ bytes, ...rest }) => ({
    ...rest,
    bytes: Buffer.from(bytes.toString('latin1').replace('abc', '(bc'), 'latin1'),
  }))
  const back = replay(spoilt, log)
  t.is(back.permissions(back.find('anna') as User, '/'), undefined)
  t.is(log.lines[0]?.level, 'error')
  t.regex(log.lines[0]?.message ?? '', /^a record of users or permissions is left out: Invalid regular expression/)
})

test('records that cannot be read, or are of somebody unknown, do no harm', (t) => {
  const { users, journal } = keeping()
  users.add('anna', 'x')
  users.setPermissions('anna', '/', ALL)
  const [user, ...permissions] = journal.records as [Recorded, ...Recorded[]]
  t.deepEqual(replay(permissions).names(), [])
  const short = { ...user, bytes: user.bytes.subarray(0, -1) }
  const log = new RecordingLogger()
  t.deepEqual(replay([short, user], log).names(), ['anna'])
  t.is(log.lines.length, 1)
  const hugeTags: Recorded = { type: UserRecordType.USER, bytes: Buffer.alloc(12, 0).fill(0xff, 8), group: 0 }
  t.deepEqual(replay([hugeTags]).names(), [])
})

test('whatever was changed, a restart at any moment brings back what was so then, also after checkpoints', (t) => {
  const names = ['anna', 'ü', readText(Buffer.from([0xff, 0x61]), 0, 2)]
  const vhosts = ['/', 'v']
  const patterns = ['', '.*', '^a\\.b$', 'a/b', '\n']
  seeds(t, 30, (random) => {
    const { users, journal } = keeping()
    const states = new Map<number, string[]>()
    for (let step = 0; step < 60; step++) {
      change(users, random)
      if (random.below(15) === 0) {
        const before = journal.records.length
        users.write((record, type) => journal.append(record, type))
        if (random.below(2) === 0) {
          journal.records = journal.records.slice(before)
          states.clear()
        }
      }
      states.set(journal.records.length, stateOf(users))
    }
    for (const count of [journal.records.length, random.pick([...states.keys()])]) {
      same(stateOf(replay(journal.records.slice(0, count))), states.get(count))
    }
  })

  function change(users: Users, random: Random): void {
    const name = random.pick(names)
    const vhost = random.pick(vhosts)
    const [configure, write, read] = [random.pick(patterns), random.pick(patterns), random.pick(patterns)]
    const exists = users.find(name) !== undefined
    switch (random.below(7)) {
      case 0:
        users.addHashed(name, `hash ${random.below(100)}`, random.pick([[], ['administrator'], ['a', 'b', '']]))
        break
      case 1:
        if (random.below(3) === 0) users.delete(name)
        break
      case 2:
        users.clearPermissions(name, vhost)
        break
      case 3:
        users.clearTopicPermissions(name, vhost, 'amq.topic')
        break
      case 4:
        if (exists) users.setTopicPermissions(name, vhost, 'amq.topic', { write, read })
        break
      case 5:
        if (random.below(4) === 0) users.forgetVirtualHost(vhost)
        break
      default:
        if (exists) users.setPermissions(name, vhost, { configure, write, read })
    }
  }
})
