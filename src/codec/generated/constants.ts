// Generated from spec/amqp-0-9-1.json by bin/generate-codec.ts; do not edit.
/** The first octet of a frame. */
export const FrameType = { METHOD: 1, HEADER: 2, BODY: 3, HEARTBEAT: 8 } as const

/** The last octet of every frame. */
export const FRAME_END = 206

/** The smallest frame-max, in bytes, that may be negotiated. */
export const FRAME_MIN_SIZE = 4096

/** What a client sends first. Not to be written to. */
export const PROTOCOL_HEADER: Buffer = Buffer.from([65, 77, 81, 80, 0, 0, 9, 1])

export const ClassId = {
  CONNECTION: 10,
  CHANNEL: 20,
  ACCESS: 30,
  EXCHANGE: 40,
  QUEUE: 50,
  BASIC: 60,
  CONFIRM: 85,
  TX: 90,
} as const

export const ReplyCode = {
  REPLY_SUCCESS: 200,
  CONTENT_TOO_LARGE: 311,
  NO_ROUTE: 312,
  NO_CONSUMERS: 313,
  ACCESS_REFUSED: 403,
  NOT_FOUND: 404,
  RESOURCE_LOCKED: 405,
  PRECONDITION_FAILED: 406,
  CONNECTION_FORCED: 320,
  INVALID_PATH: 402,
  FRAME_ERROR: 501,
  SYNTAX_ERROR: 502,
  COMMAND_INVALID: 503,
  CHANNEL_ERROR: 504,
  UNEXPECTED_FRAME: 505,
  RESOURCE_ERROR: 506,
  NOT_ALLOWED: 530,
  NOT_IMPLEMENTED: 540,
  INTERNAL_ERROR: 541,
} as const

const REPLY_NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(ReplyCode).map(([name, code]): [number, string] => [code, name]),
)

/** The name reply texts begin with, such as `PRECONDITION_FAILED` for 406; `UNKNOWN` for a number that is no code. */
export function replyName(code: number): string {
  return REPLY_NAMES.get(code) ?? 'UNKNOWN'
}

/** Whether the code closes the connection and not just the channel. */
export function isHardError(code: number): boolean {
  switch (code) {
    case ReplyCode.CONNECTION_FORCED:
    case ReplyCode.INVALID_PATH:
    case ReplyCode.FRAME_ERROR:
    case ReplyCode.SYNTAX_ERROR:
    case ReplyCode.COMMAND_INVALID:
    case ReplyCode.CHANNEL_ERROR:
    case ReplyCode.UNEXPECTED_FRAME:
    case ReplyCode.RESOURCE_ERROR:
    case ReplyCode.NOT_ALLOWED:
    case ReplyCode.NOT_IMPLEMENTED:
    case ReplyCode.INTERNAL_ERROR:
      return true
    default:
      return false
  }
}
