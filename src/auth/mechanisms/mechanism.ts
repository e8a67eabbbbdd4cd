import { isUtf8 } from 'node:buffer'
import type { User, Users } from '../users.ts'

/** What a client's answer has led to. */
export type AuthOutcome =
  | { readonly kind: 'authenticated'; readonly user: User }
  | { readonly kind: 'refused'; readonly username: string | undefined }
  | { readonly kind: 'challenge'; readonly challenge: Buffer }
  | { readonly kind: 'malformed'; readonly reason: string }

/** One login under way; holds what the mechanism remembers between two answers. */
export interface Authentication {
  step(response: Buffer): AuthOutcome | Promise<AuthOutcome>
}

/** A SASL mechanism, by the name that connection.start offers. */
export interface Mechanism {
  readonly name: string
  start(): Authentication
}

/** The last step of every mechanism that ends with a name and a password in bytes. */
export function checkPassword(users: Users, username: Buffer, password: Buffer): AuthOutcome {
  // Decoding would turn different broken byte strings into the same text.
  if (!isUtf8(username) || !isUtf8(password)) return { kind: 'malformed', reason: 'user name or password is not UTF-8' }
  const name = username.toString('utf8')
  const user = users.authenticate(name, password.toString('utf8'))
  return user === undefined ? { kind: 'refused', username: name } : { kind: 'authenticated', user }
}
