import type { Users } from '../users.ts'
import { amqplain } from './amqplain.ts'
import type { Mechanism } from './mechanism.ts'
import { plain } from './plain.ts'

/** The mechanisms a node offers, in the order it offers them: clients take the first one they know. */
export function createMechanisms(users: Users): ReadonlyMap<string, Mechanism> {
  return new Map([plain(users), amqplain(users)].map((mechanism) => [mechanism.name, mechanism]))
}
