/** The users, virtual hosts and permissions that both brokers have besides guest, who may do everything everywhere. */
export const VHOSTS: readonly string[] = ['/', 'other']

export interface Patterns {
  readonly configure: string
  readonly write: string
  readonly read: string
}

const EVERYTHING: Patterns = { configure: '.*', write: '.*', read: '.*' }

/** What each user, whose password is its name, may do in the virtual host `/`. */
export const PERMISSIONS: Readonly<Record<string, Patterns | undefined>> = {
  guest: EVERYTHING,
  // A name tells by its beginning what may be done with it; `full` anywhere in it allows everything.
  limited: { configure: '^c-|full', write: '^w-|full|^amq\\.default$', read: '^r-|full' },
  // As limited, but not for the default exchange, and server-named queues only.
  generated: { configure: '^amq\\.gen-', write: '^amq\\.gen-', read: '^amq\\.gen-' },
  nothing: { configure: '', write: '', read: '' },
  topical: EVERYTHING,
  actor: EVERYTHING,
  stranger: undefined,
}

/** The tags of users who have any. */
export const TAGS: Readonly<Record<string, string>> = { guest: 'administrator', actor: 'impersonator' }

/** What `topical` may do on amq.topic, by routing key. */
export const TOPIC_PERMISSION = { user: 'topical', exchange: 'amq.topic', write: '^ok\\.', read: '^ok\\.' }

/** All of it as RabbitMQ reads it at its start. */
export function definitions(): string {
  const permissions = Object.entries(PERMISSIONS).flatMap(([user, patterns]) =>
    patterns ? [{ user, vhost: '/', ...patterns }] : [],
  )
  return JSON.stringify({
    users: Object.keys(PERMISSIONS).map((name) => ({
      name,
      password: name,
      tags: TAGS[name] ?? '',
    })),
    vhosts: VHOSTS.map((name) => ({ name })),
    permissions: [...permissions, { user: 'guest', vhost: 'other', ...EVERYTHING }],
    topic_permissions: [{ vhost: '/', ...TOPIC_PERMISSION }],
    parameters: [],
    policies: [],
    queues: [],
    exchanges: [],
    bindings: [],
  })
}
