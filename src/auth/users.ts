import type { JournalRecord } from '../store/index.ts'
import { hashPassword, verifyPassword } from './password.ts'
import { type PermissionPatterns, PermissionRow, type Permissions, type TopicPatterns } from './permissions.ts'
import { permissionsRecord, textsRecord, topicRecord, type UserLog, UserRecordType, userRecord } from './user-record.ts'

/** Somebody who has logged in. */
export interface User {
  readonly name: string
  /** `administrator`, `monitoring`, `policymaker`, `management` and others; what they allow is the management API's matter. */
  readonly tags: readonly string[]
}

export interface UsersOptions {
  /** Users who may only connect from the same host; `none` lets everybody in from everywhere. Default: `guest`. */
  readonly loopbackUsers?: readonly string[] | 'none'
  /** Told of every change, before it counts. Default: nobody. */
  readonly log?: UserLog
}

interface Account {
  readonly user: User
  readonly passwordHash: string
  readonly rows: Map<string, PermissionRow>
}

// Checked when nobody has that name, so that an unknown name takes as long as a wrong password.
const NOBODY = hashPassword('nobody')

/** The users of a node, their passwords and what each may do where. */
export class Users {
  readonly #accounts = new Map<string, Account>()
  readonly #loopbackUsers: ReadonlySet<string>
  readonly #log: UserLog | undefined

  constructor(options: UsersOptions = {}) {
    const { loopbackUsers = ['guest'], log } = options
    this.#log = log
    this.#loopbackUsers = new Set(loopbackUsers === 'none' ? [] : loopbackUsers)
  }

  names(): string[] {
    return [...this.#accounts.keys()]
  }

  find(name: string): User | undefined {
    return this.#accounts.get(name)?.user
  }

  /** Adds a user, or gives an existing one a new password and new tags; permissions stay as they are. */
  add(name: string, password: string, tags: readonly string[] = []): User {
    return this.addHashed(name, hashPassword(password), tags)
  }

  /** As `add`, with a password that is hashed already, as `hashPassword` does. */
  addHashed(name: string, passwordHash: string, tags: readonly string[] = []): User {
    const user: User = { name, tags: [...tags] }
    const rows = this.#accounts.get(name)?.rows ?? new Map<string, PermissionRow>()
    this.#log?.append(userRecord(name, passwordHash, user.tags), UserRecordType.USER)
    this.#accounts.set(name, { user, passwordHash, rows })
    return user
  }

  /** Removes a user; who is still connected under that name loses all permissions. */
  delete(name: string): boolean {
    const account = this.#accounts.get(name)
    if (account === undefined) return false
    this.#log?.append(textsRecord(name), UserRecordType.USER_DELETED)
    for (const row of account.rows.values()) row.revoke()
    return this.#accounts.delete(name)
  }

  /** The user of that name and password. An empty password never fits, as in RabbitMQ. */
  authenticate(name: string, password: string): User | undefined {
    const account = this.#accounts.get(name)
    const correct = verifyPassword(password, account?.passwordHash ?? NOBODY)
    return correct && password !== '' ? account?.user : undefined
  }

  /** @param loopback whether the connection comes from this host. */
  mayConnectFrom(user: User, loopback: boolean): boolean {
    return loopback || !this.#loopbackUsers.has(user.name)
  }

  /** What the user may do in that virtual host; undefined when it may not enter it. */
  permissions(user: User, vhost: string): Permissions | undefined {
    const row = this.#accounts.get(user.name)?.rows.get(vhost)
    return row?.granted ? row : undefined
  }

  /**
   * @throws RangeError when there is no such user.
   * @throws SyntaxError when a pattern is not a regular expression.
   */
  setPermissions(name: string, vhost: string, patterns: PermissionPatterns): void {
    this.#row(name, vhost).grant(patterns)
    this.#log?.append(permissionsRecord(name, vhost, patterns), UserRecordType.PERMISSIONS)
  }

  clearPermissions(name: string, vhost: string): void {
    const row = this.#accounts.get(name)?.rows.get(vhost)
    if (row === undefined) return
    this.#log?.append(textsRecord(name, vhost), UserRecordType.PERMISSIONS_CLEARED)
    row.revoke()
  }

  /** As `setPermissions`; a topic permission alone does not let a user into the virtual host. */
  setTopicPermissions(name: string, vhost: string, exchange: string, patterns: TopicPatterns): void {
    this.#row(name, vhost).grantTopic(exchange, patterns)
    this.#log?.append(topicRecord(name, vhost, exchange, patterns), UserRecordType.TOPIC_PERMISSIONS)
  }

  clearTopicPermissions(name: string, vhost: string, exchange: string): void {
    const row = this.#accounts.get(name)?.rows.get(vhost)
    if (row === undefined) return
    this.#log?.append(textsRecord(name, vhost, exchange), UserRecordType.TOPIC_PERMISSIONS_CLEARED)
    row.revokeTopic(exchange)
  }

  /** Forgets what anybody may do in a virtual host that has gone. */
  forgetVirtualHost(vhost: string): void {
    this.#log?.append(textsRecord(vhost), UserRecordType.VHOST_FORGOTTEN)
    for (const { rows } of this.#accounts.values()) {
      rows.get(vhost)?.revoke()
      rows.delete(vhost)
    }
  }

  /** Appends everybody and what each may do, in an order in which `UserReplay` can take it. */
  write(append: (record: JournalRecord, type: UserRecordType) => void): void {
    for (const [name, { user, passwordHash, rows }] of this.#accounts) {
      append(userRecord(name, passwordHash, user.tags), UserRecordType.USER)
      for (const [vhost, row] of rows) {
        if (row.patterns !== undefined) {
          append(permissionsRecord(name, vhost, row.patterns), UserRecordType.PERMISSIONS)
        }
        for (const [exchange, patterns] of row.topicPatterns()) {
          append(topicRecord(name, vhost, exchange, patterns), UserRecordType.TOPIC_PERMISSIONS)
        }
      }
    }
  }

  /** Everybody there is joins these, with all permissions; nobody is told. */
  takeOver(others: Users): void {
    for (const [name, account] of others.#accounts) this.#accounts.set(name, account)
  }

  #row(name: string, vhost: string): PermissionRow {
    const account = this.#accounts.get(name)
    if (account === undefined) throw new RangeError(`there is no user '${name}'`)
    let row = account.rows.get(vhost)
    if (row === undefined) {
      row = new PermissionRow(name, vhost)
      account.rows.set(vhost, row)
    }
    return row
  }
}
