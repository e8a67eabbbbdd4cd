import type { Users } from '../users.ts'
import { type AuthOutcome, checkPassword, type Mechanism } from './mechanism.ts'

/**
 * PLAIN (RFC 4616): `authzid NUL user NUL password`. The authorization identity is ignored, as RabbitMQ does.
 */
export function plain(users: Users): Mechanism {
  const step = (response: Buffer): AuthOutcome => {
    const first = response.indexOf(0)
    const second = response.indexOf(0, first + 1)
    if (first < 0 || second < 0 || response.includes(0, second + 1)) {
      return { kind: 'malformed', reason: 'a PLAIN response has two NUL octets: authzid NUL user NUL password' }
    }
    return checkPassword(users, response.subarray(first + 1, second), response.subarray(second + 1))
  }
  return { name: 'PLAIN', start: () => ({ step }) }
}
