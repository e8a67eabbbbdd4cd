import test from 'ava'
import { hashPassword, Users, verifyPassword } from '../../src/auth/index.ts'

test('a password is kept as RabbitMQ exports it', (t) => {
  // From RabbitMQ's documentation of its password hashing: salt 908DC60A, password test12.
  const salt = Buffer.from('908DC60A', 'hex')
  t.is(hashPassword('test12', salt), 'kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR')
  t.true(verifyPassword('test12', 'kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR'))
  t.false(verifyPassword('test13', 'kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR'))
})

test('the same password is hashed to something else each time', (t) => {
  t.not(hashPassword('secret'), hashPassword('secret'))
})

test('a hash of another form fits no password', (t) => {
  t.false(verifyPassword('', ''))
  t.false(verifyPassword('x', 'not a hash'))
})

test('a user logs in with the right password only', (t) => {
  const users = new Users()
  users.add('anna', 'Pässwort', ['administrator'])
  t.deepEqual(users.authenticate('anna', 'Pässwort'), { name: 'anna', tags: ['administrator'] })
  t.is(users.authenticate('anna', 'pässwort'), undefined)
  t.is(users.authenticate('berta', 'Pässwort'), undefined)
})

test('nobody logs in with an empty password', (t) => {
  const users = new Users()
  users.add('anna', '')
  t.is(users.authenticate('anna', ''), undefined)
})

test('a new password replaces the old one and leaves the permissions alone', (t) => {
  const users = new Users()
  const before = users.add('anna', 'old')
  users.setPermissions('anna', '/', { configure: '', write: '.*', read: '' })
  users.add('anna', 'new')
  t.is(users.authenticate('anna', 'old'), undefined)
  t.truthy(users.authenticate('anna', 'new'))
  t.true(users.permissions(before, '/')?.write('q'))
})

test('guest may connect from this host only, unless told otherwise', (t) => {
  const strict = new Users()
  const guest = strict.add('guest', 'guest')
  const anna = strict.add('anna', 'x')
  t.true(strict.mayConnectFrom(guest, true))
  t.false(strict.mayConnectFrom(guest, false))
  t.true(strict.mayConnectFrom(anna, false))
  t.true(new Users({ loopbackUsers: 'none' }).mayConnectFrom(guest, false))
  t.false(new Users({ loopbackUsers: ['anna'] }).mayConnectFrom(anna, false))
  t.true(new Users({ loopbackUsers: ['anna'] }).mayConnectFrom(guest, false))
})

test('a user may enter only the virtual hosts that were granted', (t) => {
  const users = new Users()
  const anna = users.add('anna', 'x')
  t.is(users.permissions(anna, '/'), undefined)
  users.setPermissions('anna', '/', { configure: '.*', write: '.*', read: '.*' })
  t.truthy(users.permissions(anna, '/'))
  t.is(users.permissions(anna, 'other'), undefined)
})

test('permission patterns are not anchored, and an empty one allows only the empty name', (t) => {
  const users = new Users()
  const anna = users.add('anna', 'x')
  users.setPermissions('anna', '/', { configure: '^orders-', write: 'log', read: '' })
  const permissions = users.permissions(anna, '/')
  t.true(permissions?.configure('orders-1'))
  t.false(permissions?.configure('my-orders-1'))
  t.true(permissions?.write('my-log-2'))
  t.false(permissions?.write('metrics'))
  t.false(permissions?.read('anything'))
  t.true(permissions?.read(''))
})

test('a connection that kept its permissions sees them change', (t) => {
  const users = new Users()
  const anna = users.add('anna', 'x')
  users.setPermissions('anna', '/', { configure: '', write: '.*', read: '' })
  const kept = users.permissions(anna, '/')
  const before = kept?.generation
  users.clearPermissions('anna', '/')
  t.false(kept?.write('q'))
  t.not(kept?.generation, before)
  users.setPermissions('anna', '/', { configure: '', write: 'q', read: '' })
  t.true(kept?.write('q'))
  users.delete('anna')
  t.false(kept?.write('q'))
})

test('a pattern that is no regular expression is refused and changes nothing', (t) => {
  const users = new Users()
  const anna = users.add('anna', 'x')
  users.setPermissions('anna', '/', { configure: '.*', write: '.*', read: '.*' })
  t.throws(() => users.setPermissions('anna', '/', { configure: 'x', write: '(', read: '.*' }), {
    instanceOf: SyntaxError,
  })
  t.true(users.permissions(anna, '/')?.configure('q'))
})

test('permissions for a user who does not exist are refused', (t) => {
  t.throws(() => new Users().setPermissions('nobody', '/', { configure: '', write: '', read: '' }), {
    message: "there is no user 'nobody'",
  })
})

test('without a topic permission every routing key is allowed, with one only those that match', (t) => {
  const users = new Users()
  const anna = users.add('anna.b', 'x')
  users.setPermissions('anna.b', '/', { configure: '.*', write: '.*', read: '.*' })
  const permissions = users.permissions(anna, '/')
  t.true(permissions?.writeTopic('events', 'any.key'))
  users.setTopicPermissions('anna.b', '/', 'events', { write: '^{username}\\.', read: '^public\\.' })
  t.true(permissions?.writeTopic('events', 'anna.b.created'))
  t.false(permissions?.writeTopic('events', 'annaxb.created'), 'the name is a literal, not a pattern')
  t.true(permissions?.readTopic('events', 'public.news'))
  t.false(permissions?.readTopic('events', 'anna.b.created'))
  t.true(permissions?.writeTopic('other', 'any.key'))
  users.clearTopicPermissions('anna.b', '/', 'events')
  t.true(permissions?.writeTopic('events', 'any.key'))
})

test('nobody keeps permissions in a virtual host that has gone', (t) => {
  const users = new Users()
  const anna = users.add('anna', 'x')
  users.setPermissions('anna', 'v1', { configure: '.*', write: '.*', read: '.*' })
  const kept = users.permissions(anna, 'v1')
  users.forgetVirtualHost('v1')
  t.is(users.permissions(anna, 'v1'), undefined)
  t.false(kept?.read('q'))
})
