import type { AcceptedDifference } from './compare.ts'

/** Where Leveret's answers differ from RabbitMQ 3.10.8's on purpose, and what it answers instead. */
export const ACCEPTED: readonly AcceptedDifference[] = []
