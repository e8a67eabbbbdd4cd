import type { AcceptedDifference } from '../compare.ts'
import { DECLARATIONS } from './declarations.ts'
import { FRAMES } from './frames.ts'
import { MESSAGES } from './messages.ts'
import { OPENINGS } from './openings.ts'

/** Where Leveret's answers differ from RabbitMQ 3.10.8's on purpose, and what it answers instead. */
export const ACCEPTED: readonly AcceptedDifference[] = [...OPENINGS, ...FRAMES, ...DECLARATIONS, ...MESSAGES]
