import test from 'ava'
import { createMechanisms, Users } from '../../src/auth/index.ts'
import { encodeTable, fromObject } from '../../src/codec/index.ts'

function usersWithAnna(): Users {
  const users = new Users()
  users.add('anna', 'söcret')
  return users
}

function step(mechanism: string, response: Buffer) {
  return createMechanisms(usersWithAnna()).get(mechanism)?.start().step(response)
}

const amqplainResponse = (fields: Record<string, unknown>): Buffer => encodeTable(fromObject(fields)).subarray(4)

test('PLAIN is offered first, AMQPLAIN second', (t) => {
  t.deepEqual([...createMechanisms(new Users()).keys()], ['PLAIN', 'AMQPLAIN'])
})

test('PLAIN takes user and password and ignores the authorization identity', (t) => {
  const user = { name: 'anna', tags: [] }
  t.deepEqual(step('PLAIN', Buffer.from('\0anna\0söcret')), { kind: 'authenticated', user })
  t.deepEqual(step('PLAIN', Buffer.from('somebody\0anna\0söcret')), { kind: 'authenticated', user })
})

test('PLAIN with a wrong password is refused and names the user', (t) => {
  t.deepEqual(step('PLAIN', Buffer.from('\0anna\0wrong')), { kind: 'refused', username: 'anna' })
  t.deepEqual(step('PLAIN', Buffer.from('\0\0')), { kind: 'refused', username: '' })
})

for (const response of ['', 'anna', '\0anna', '\0anna\0söcret\0', '\0a\0b\0c']) {
  test(`PLAIN response ${JSON.stringify(response)} is malformed`, (t) => {
    t.like(step('PLAIN', Buffer.from(response)), { kind: 'malformed' })
  })
}

test('a name that is not UTF-8 is malformed', (t) => {
  t.like(step('PLAIN', Buffer.from([0, 0xff, 0, 0x61])), { kind: 'malformed' })
})

test('AMQPLAIN takes LOGIN and PASSWORD in any order', (t) => {
  const outcome = { kind: 'authenticated', user: { name: 'anna', tags: [] } }
  t.deepEqual(step('AMQPLAIN', amqplainResponse({ LOGIN: 'anna', PASSWORD: 'söcret' })), outcome)
  t.deepEqual(step('AMQPLAIN', amqplainResponse({ PASSWORD: 'söcret', extra: 1, LOGIN: 'anna' })), outcome)
  const bytes = Buffer.from('\x05LOGINS\0\0\0\x04anna\x08PASSWORDS\0\0\0\x07söcret')
  t.deepEqual(step('AMQPLAIN', bytes), outcome)
})

test('AMQPLAIN with a wrong password is refused', (t) => {
  const response = amqplainResponse({ LOGIN: 'anna', PASSWORD: 'x' })
  t.deepEqual(step('AMQPLAIN', response), { kind: 'refused', username: 'anna' })
})

test('AMQPLAIN without one of its fields, with a number for one, or no table at all is malformed', (t) => {
  t.like(step('AMQPLAIN', amqplainResponse({ LOGIN: 'anna' })), { kind: 'malformed' })
  t.like(step('AMQPLAIN', amqplainResponse({ LOGIN: 'anna', PASSWORD: 7 })), { kind: 'malformed' })
  t.like(step('AMQPLAIN', Buffer.from('\0anna\0söcret')), { kind: 'malformed' })
  t.like(step('AMQPLAIN', Buffer.from([5, 76])), { kind: 'malformed' })
})
