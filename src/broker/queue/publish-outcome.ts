/** What a queue made of a publish. What it dropped as a duplicate, or for age or length, it had accepted. */
export const PublishOutcome = { ACCEPTED: 0, REJECTED: 1 } as const
export type PublishOutcome = (typeof PublishOutcome)[keyof typeof PublishOutcome]

/** What `accept` gives instead of a place: the message was handed over, or dropped as a duplicate. */
export const NO_PLACE = -1
/** What `accept` gives instead of a place: the queue has refused the message. */
export const REFUSED = -2
