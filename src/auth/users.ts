import { hashPassword, verifyPassword } from './password.ts'
import { type PermissionPatterns, PermissionRow, type Permissions, type TopicPatterns } from './permissions.ts'

/** Somebody who has logged in. */
export interface User {
  readonly name: string
  /** `administrator`, `monitoring`, `policymaker`, `management` and others; what they allow is the management API's matter. */
  readonly tags: readonly string[]
}

export interface UsersOptions {
  /** Users who may only connect from the same host; `none` lets everybody in from everywhere. Default: `guest`. */
  readonly loopbackUsers?: readonly string[] | 'none'
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

  constructor(options: UsersOptions = {}) {
    const { loopbackUsers = ['guest'] } = options
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
    const user: User = { name, tags: [...tags] }
    const rows = this.#accounts.get(name)?.rows ?? new Map<string, PermissionRow>()
    this.#accounts.set(name, { user, passwordHash: hashPassword(password), rows })
    return user
  }

  /** Removes a user; who is still connected under that name loses all permissions. */
  delete(name: string): boolean {
    const account = this.#accounts.get(name)
    if (account === undefined) return false
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
  }

  clearPermissions(name: string, vhost: string): void {
    this.#accounts.get(name)?.rows.get(vhost)?.revoke()
  }

  /** As `setPermissions`; a topic permission alone does not let a user into the virtual host. */
  setTopicPermissions(name: string, vhost: string, exchange: string, patterns: TopicPatterns): void {
    this.#row(name, vhost).grantTopic(exchange, patterns)
  }

  clearTopicPermissions(name: string, vhost: string, exchange: string): void {
    this.#accounts.get(name)?.rows.get(vhost)?.revokeTopic(exchange)
  }

  /** Forgets what anybody may do in a virtual host that has gone. */
  forgetVirtualHost(vhost: string): void {
    for (const { rows } of this.#accounts.values()) {
      rows.get(vhost)?.revoke()
      rows.delete(vhost)
    }
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
