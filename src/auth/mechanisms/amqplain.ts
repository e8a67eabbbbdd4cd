import { CodecError, readTable, type Table } from '../../codec/index.ts'
import type { Users } from '../users.ts'
import { type AuthOutcome, checkPassword, type Mechanism } from './mechanism.ts'

/**
 * AMQPLAIN, RabbitMQ's older way: the inside of a field table, without the length in front, holding LOGIN and PASSWORD
 * as long strings.
 */
export function amqplain(users: Users): Mechanism {
  const step = (response: Buffer): AuthOutcome => {
    const table = parse(response)
    if (table === undefined) return { kind: 'malformed', reason: 'an AMQPLAIN response is the inside of a field table' }
    const login = table.get('LOGIN')
    const password = table.get('PASSWORD')
    if (login === undefined || password === undefined) {
      return { kind: 'malformed', reason: 'the AMQPLAIN response is missing LOGIN or PASSWORD' }
    }
    if (login.type !== 'S' || password.type !== 'S') {
      return { kind: 'malformed', reason: 'LOGIN and PASSWORD of an AMQPLAIN response are long strings' }
    }
    return checkPassword(users, login.value, password.value)
  }
  return { name: 'AMQPLAIN', start: () => ({ step }) }
}

function parse(response: Buffer): Table | undefined {
  const encoded = Buffer.allocUnsafe(4 + response.length)
  encoded.writeUInt32BE(response.length, 0)
  response.copy(encoded, 4)
  try {
    return readTable(encoded, 0)
  } catch (error) {
    if (error instanceof CodecError) return undefined
    throw error
  }
}
