/** Three patterns, as RabbitMQ's `set_permissions` takes them: not anchored, an empty one allows nothing. */
export interface PermissionPatterns {
  readonly configure: string
  readonly write: string
  readonly read: string
}

/** Patterns on the routing key for one topic exchange. */
export interface TopicPatterns {
  readonly write: string
  readonly read: string
}

/** What one user may do in one virtual host; stays valid, and stays true, when permissions change. */
export interface Permissions {
  /** Grows whenever an answer may have changed, so that a caller may keep answers and compare this. */
  readonly generation: number
  /** False while there is no topic permission, so that nobody needs to ask. */
  readonly topics: boolean
  configure(name: string): boolean
  write(name: string): boolean
  read(name: string): boolean
  /** Asked for topic exchanges only; without a topic permission for that exchange everything is allowed. */
  writeTopic(exchange: string, routingKey: string): boolean
  readTopic(exchange: string, routingKey: string): boolean
}

interface TopicRule {
  readonly patterns: TopicPatterns
  readonly write: RegExp
  readonly read: RegExp
}

/**
 * The permissions row of a user and a virtual host. The row is kept when it is cleared and answers no from then on:
 * connections hold on to it, and must lose or regain access at once.
 */
export class PermissionRow implements Permissions {
  generation = 0
  /** As they were given; undefined when nothing is granted. */
  patterns: PermissionPatterns | undefined
  readonly #placeholders: Readonly<Record<string, string>>
  #configure = NOTHING
  #write = NOTHING
  #read = NOTHING
  readonly #topics = new Map<string, TopicRule>()

  constructor(username: string, vhost: string) {
    this.#placeholders = { username, vhost }
  }

  get granted(): boolean {
    return this.patterns !== undefined
  }

  get topics(): boolean {
    return this.#topics.size > 0
  }

  /** Exchanges and the patterns for each, as they were given. */
  *topicPatterns(): Iterable<readonly [exchange: string, patterns: TopicPatterns]> {
    for (const [exchange, { patterns }] of this.#topics) yield [exchange, patterns]
  }

  /** @throws SyntaxError when a pattern is not a regular expression; nothing has changed then. */
  grant(patterns: PermissionPatterns): void {
    const configure = compile(patterns.configure)
    const write = compile(patterns.write)
    const read = compile(patterns.read)
    this.#configure = configure
    this.#write = write
    this.#read = read
    this.patterns = { ...patterns }
    this.generation++
  }

  revoke(): void {
    this.#configure = NOTHING
    this.#write = NOTHING
    this.#read = NOTHING
    this.#topics.clear()
    this.patterns = undefined
    this.generation++
  }

  /** @throws SyntaxError when a pattern is not a regular expression; nothing has changed then. */
  grantTopic(exchange: string, patterns: TopicPatterns): void {
    this.#topics.set(exchange, {
      patterns: { ...patterns },
      write: compile(this.#expand(patterns.write)),
      read: compile(this.#expand(patterns.read)),
    })
    this.generation++
  }

  revokeTopic(exchange: string): void {
    if (this.#topics.delete(exchange)) this.generation++
  }

  configure(name: string): boolean {
    return this.#configure.test(name)
  }

  write(name: string): boolean {
    return this.#write.test(name)
  }

  read(name: string): boolean {
    return this.#read.test(name)
  }

  writeTopic(exchange: string, routingKey: string): boolean {
    return this.#topics.get(exchange)?.write.test(routingKey) ?? true
  }

  readTopic(exchange: string, routingKey: string): boolean {
    return this.#topics.get(exchange)?.read.test(routingKey) ?? true
  }

  // The values are put in as literals: a user called `.*` must not thereby reach everybody's keys.
  #expand(pattern: string): string {
    return pattern.replace(/\{(username|vhost)\}/g, (_, name: string) => escapePattern(this.#placeholders[name] ?? ''))
  }
}

const NOTHING = /^$/

function compile(pattern: string): RegExp {
  return pattern === '' ? NOTHING : new RegExp(pattern)
}

function escapePattern(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')
}
