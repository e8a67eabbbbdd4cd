import type { Logger } from '../base/index.ts'
import { CodecError, ValueReader } from '../codec/index.ts'
import { readPatterns, readTopicPatterns, readUser, UserRecordType } from './user-record.ts'
import { Users } from './users.ts'

/**
 * What a journal says of users and permissions, gathered record by record. What is said again, as an unfinished
 * checkpoint does, replaces what was known; what is said of somebody unknown is ignored.
 */
export class UserReplay {
  readonly #found = new Users()
  readonly #log: Logger

  constructor(log: Logger) {
    this.#log = log
  }

  /**
   * Takes one record; the bytes are only read during the call. Content that no broker has written is passed over.
   * @returns false for a type that is not of users.
   */
  record(type: number, buffer: Buffer, from: number, to: number): boolean {
    try {
      return this.#take(type, new ValueReader(buffer, from, to))
    } catch (error) {
      // A pattern may be one that this version of Node does not take: then nothing is allowed by it.
      if (!(error instanceof CodecError || error instanceof SyntaxError)) throw error
      this.#log.error(`a record of users or permissions is left out: ${error.message}`)
      return true
    }
  }

  /** Makes the users that there were at the end; nobody is told. */
  apply(users: Users): void {
    users.takeOver(this.#found)
  }

  #take(type: number, values: ValueReader): boolean {
    const users = this.#found
    switch (type) {
      case UserRecordType.USER: {
        const { name, passwordHash, tags } = readUser(values)
        users.addHashed(name, passwordHash, tags)
        return true
      }
      case UserRecordType.USER_DELETED:
        users.delete(values.text())
        return true
      case UserRecordType.PERMISSIONS: {
        const [user, vhost] = [values.text(), values.text()]
        if (users.find(user) !== undefined) users.setPermissions(user, vhost, readPatterns(values))
        return true
      }
      case UserRecordType.PERMISSIONS_CLEARED:
        users.clearPermissions(values.text(), values.text())
        return true
      case UserRecordType.TOPIC_PERMISSIONS: {
        const [user, vhost, exchange] = [values.text(), values.text(), values.text()]
        if (users.find(user) !== undefined) users.setTopicPermissions(user, vhost, exchange, readTopicPatterns(values))
        return true
      }
      case UserRecordType.TOPIC_PERMISSIONS_CLEARED:
        users.clearTopicPermissions(values.text(), values.text(), values.text())
        return true
      case UserRecordType.VHOST_FORGOTTEN:
        users.forgetVirtualHost(values.text())
        return true
      default:
        return false
    }
  }
}
