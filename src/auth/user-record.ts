import { type ValueReader, ValueRecord } from '../codec/index.ts'
import type { JournalRecord } from '../store/index.ts'
import type { PermissionPatterns, TopicPatterns } from './permissions.ts'

/*
 * Users and permissions as records; longstr texts, see codec/values.ts. Each says the whole of its thing, so that saying
 * it again does no harm.
 *
 *     user                 name  password hash  count of tags:4  tag x count       deleted: name
 *     permissions          user  vhost  configure  write  read                     cleared: user  vhost
 *     topic permissions    user  vhost  exchange  write  read                      cleared: user  vhost  exchange
 *     vhost forgotten      vhost
 */

/** The types of these records in the journal. Numbers once given are never given another meaning. */
export const UserRecordType = {
  USER: 48,
  USER_DELETED: 49,
  PERMISSIONS: 50,
  /** The topic permissions there go with them. */
  PERMISSIONS_CLEARED: 51,
  TOPIC_PERMISSIONS: 52,
  TOPIC_PERMISSIONS_CLEARED: 53,
  /** All permissions of all users in a virtual host. */
  VHOST_FORGOTTEN: 54,
} as const
export type UserRecordType = (typeof UserRecordType)[keyof typeof UserRecordType]

/** Who is told of every change of users and permissions. */
export interface UserLog {
  append(record: JournalRecord, type: UserRecordType): void
}

export function userRecord(name: string, passwordHash: string, tags: readonly string[]): ValueRecord {
  return new ValueRecord((values) => {
    values.text(name).text(passwordHash).long(tags.length)
    for (const tag of tags) values.text(tag)
  })
}

export function readUser(values: ValueReader): { name: string; passwordHash: string; tags: string[] } {
  const name = values.text()
  const passwordHash = values.text()
  const tags: string[] = []
  for (let left = values.long(); left > 0; left--) tags.push(values.text())
  return { name, passwordHash, tags }
}

export function permissionsRecord(user: string, vhost: string, patterns: PermissionPatterns): ValueRecord {
  return textsRecord(user, vhost, patterns.configure, patterns.write, patterns.read)
}

export function readPatterns(values: ValueReader): PermissionPatterns {
  return { configure: values.text(), ...readTopicPatterns(values) }
}

export function topicRecord(user: string, vhost: string, exchange: string, patterns: TopicPatterns): ValueRecord {
  return textsRecord(user, vhost, exchange, patterns.write, patterns.read)
}

export function readTopicPatterns(values: ValueReader): TopicPatterns {
  return { write: values.text(), read: values.text() }
}

/** What is deleted or cleared has a name, and that of what it is in. */
export function textsRecord(...texts: string[]): ValueRecord {
  return new ValueRecord((values) => {
    for (const text of texts) values.text(text)
  })
}
