import { randomBytes } from 'node:crypto'
import { type AmqpError, accessRefused } from '../broker/index.ts'
import type { AmopContext } from './context.ts'
import type { TopicAccess } from './permissions/permissions.ts'
import { isReservedTopic } from './topic-names.ts'

/** Users whose access is kept; more than that take turns. */
const USERS_MAX = 1024

/** A topic that no rule names: who may use it may use all. */
const ANY_TOPIC = randomBytes(32).toString('hex')

/** 403 */
export function reservedTopicRefused(topic: string): AmqpError {
  return accessRefused(`topic '${topic}' is reserved for SDKs and cannot be used from AMQP`)
}

/** What AMQP users may do with topics. */
export class UserAuthority {
  readonly #amop: AmopContext
  readonly #access = new Map<string, TopicAccess>()
  #generation: number

  constructor(amop: AmopContext) {
    this.#amop = amop
    this.#generation = amop.permissionsGeneration
  }

  /** Another number whenever answers may be others than before. */
  get generation(): number {
    return this.#amop.permissionsGeneration
  }

  /**
   * @param user undefined for the program that the broker is embedded in, which may do everything that anybody may.
   * @throws AmqpError 403 for a topic that nobody may use from AMQP, or this user may not.
   */
  check(user: string | undefined, action: 'publish' | 'subscribe', topic: string): void {
    if (isReservedTopic(topic)) throw reservedTopicRefused(topic)
    if (user === undefined || this.#accessOf(user)[action](topic)) return
    throw accessRefused(
      `${action} access to topic '${topic}' refused for user '${user}' by the topic permissions of AMOP`,
    )
  }

  /**
   * @param prefix of the topics that are meant, all of them.
   * @throws AmqpError 403 unless the user may use every one.
   */
  checkAll(user: string | undefined, action: 'publish' | 'subscribe', prefix = ''): void {
    if (user === undefined || this.#accessOf(user)[action](prefix + ANY_TOPIC)) return
    throw accessRefused(
      `${action} access to every topic that begins with '${prefix}' refused for user '${user}' by the topic permissions of AMOP`,
    )
  }

  #accessOf(user: string): TopicAccess {
    if (this.#generation !== this.generation) {
      this.#generation = this.generation
      this.#access.clear()
    }
    let access = this.#access.get(user)
    if (access === undefined) {
      if (this.#access.size >= USERS_MAX) this.#access.clear()
      access = this.#amop.accessOf({ user })
      this.#access.set(user, access)
    }
    return access
  }
}
