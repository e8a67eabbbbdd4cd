import { DECLARATIONS } from './accepted/declarations.ts'
import { FRAMES } from './accepted/frames.ts'
import { MESSAGES } from './accepted/messages.ts'
import { OPENINGS } from './accepted/openings.ts'
import { PERMISSIONS } from './accepted/permissions.ts'
import type { AcceptedDifference } from './compare.ts'

/** Where Leveret's answers differ from RabbitMQ 3.10.8's on purpose, and what it answers instead. */
export const ACCEPTED: readonly AcceptedDifference[] = [
  ...OPENINGS,
  ...FRAMES,
  ...DECLARATIONS,
  ...MESSAGES,
  ...PERMISSIONS,
]
