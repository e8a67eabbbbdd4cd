/** What the `result` of a frame says; docs/amop-codes.md says who makes each and what to look at. */
export const ResultCode = {
  SUCCESS: 0,
  /** Made by SDKs only: no connection could take the message. */
  NOT_SENT: 99,
  /** Nobody has the topic, or the time for all candidates together is over. */
  NO_LISTENER: 100,
  /** Handing the message over failed in an unexpected way. */
  PUSH_FAILED: 101,
  /** Made by SDKs only: no answer within the SDK's own limit. */
  TIMEOUT: 102,
  /** Over the limit that was set for what goes out. */
  OVER_BANDWIDTH: 103,
  /** Everybody who listened failed or did not answer in time. */
  LISTENERS_FAILED: 104,
  /** Made by SDKs only: the answer could not be decoded. */
  NOT_DECODED: 105,
} as const
