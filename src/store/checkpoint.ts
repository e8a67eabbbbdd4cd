/**
 * A mark in the journal behind which its caller appends everything that is still alive, so that what lies before can go.
 */
export class Checkpoint {
  /** Number of the file that its first record opened, 0 as long as there is none. */
  file = 0
  /** Set while somebody waits for its end. */
  settle: ((error: Error | undefined) => void) | undefined
}
