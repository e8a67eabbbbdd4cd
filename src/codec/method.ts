/** What `buffer` of a decoder is before its first `decode`. */
export const NO_BYTES: Buffer = Buffer.alloc(0)

/**
 * Reads the arguments of one method into its own fields: numbers and booleans by value, everything of variable length
 * as the offset (`...At`) of its length octets in `buffer`, with a getter beside it that decodes it when asked.
 */
export interface MethodDecoder {
  /** Where the offsets point into. */
  buffer: Buffer
  /**
   * Sets every field and allocates nothing; does not check UTF-8 (the getters do).
   * @param from first byte of the arguments, behind the method id.
   * @param to end of the payload, exclusive; not behind the end of the buffer.
   * @returns false when the arguments do not end exactly at `to`; the fields mean nothing then.
   */
  decode(buffer: Buffer, from: number, to: number): boolean
}

/** What the protocol says of a method. */
export interface MethodInfo {
  /** Such as `queue.declare`. */
  name: string
  classId: number
  methodId: number
  /** Whether a content header follows. */
  hasContent: boolean
  sentBy: 'client' | 'server' | 'both'
  /** The answers a sender waits for, by class id << 16 | method id; none for a method that is not answered. */
  replies: number[]
}
