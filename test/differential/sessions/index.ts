import type { SessionGroup } from '../session.ts'
import { ack } from './ack.ts'
import { binding } from './binding.ts'
import { channel } from './channel.ts'
import { combined } from './combined.ts'
import { confirm } from './confirm.ts'
import { connection } from './connection.ts'
import { consume } from './consume.ts'
import { content } from './content.ts'
import { deadLetter } from './dead-letter.ts'
import { exchange } from './exchange.ts'
import { fieldTable } from './field-table.ts'
import { frame } from './frame.ts'
import { headers } from './headers.ts'
import { length } from './length.ts'
import { permission } from './permission.ts'
import { publish } from './publish.ts'
import { qos } from './qos.ts'
import { queue } from './queue.ts'
import { queueArguments } from './queue-arguments.ts'
import { queueEquivalence } from './queue-equivalence.ts'
import { quorum } from './quorum.ts'
import { replyTo } from './reply-to.ts'
import { topic } from './topic.ts'
import { ttl } from './ttl.ts'
import { tx } from './tx.ts'

/** All sessions, by noun. */
export const GROUPS: readonly SessionGroup[] = [
  connection,
  frame,
  channel,
  content,
  fieldTable,
  queue,
  queueArguments,
  queueEquivalence,
  exchange,
  binding,
  topic,
  headers,
  publish,
  confirm,
  tx,
  consume,
  qos,
  ack,
  ttl,
  length,
  deadLetter,
  quorum,
  replyTo,
  combined,
  permission,
]
