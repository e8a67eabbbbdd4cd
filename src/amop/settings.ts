/** How the listener for a unicast is chosen among those who have its topic. */
export type Choice = 'random' | 'round-robin' | 'least-outstanding'

/** What a node that has no chain says of its chain, and the limits of its sessions. */
export interface AmopSettings {
  /** Three numbers with dots, 2.1.0 or higher; SDKs take it for the node's version. */
  readonly version: string
  /** Decimal; go-sdk compares it with its own. */
  readonly chainId: string
  /** The groups that a program may ask for. */
  readonly groups: readonly number[]
  /** Height of the chain that is not there; SDKs add their block limit to it. */
  readonly blockNumber: number
  readonly choice: Choice
  /** How long one session or queue may take for its answer, in ms. */
  readonly sessionTimeoutMs: number
  /** How long a node may take for all of its own, in ms. */
  readonly nodeTimeoutMs: number
  /** A session that neither reads nor writes for so long is closed, in ms. */
  readonly idleTimeoutMs: number
  /** Bytes that may wait for one slow session. */
  readonly outputBytesMax: number
  /** How long they may be too many until the session is dropped, in ms. */
  readonly outputTimeoutMs: number
  /** Bytes of a frame that is read. */
  readonly frameBytesMax: number
  /** Bytes of JSON in one frame that are looked at. */
  readonly jsonBytesMax: number
  readonly topicsPerSessionMax: number
  /** Unicasts of one session that wait for an answer at a time. */
  readonly outstandingMax: number
  /** Bytes of all unicasts kept for a second candidate; those beyond have one candidate. */
  readonly retainedBytesMax: number
  /** How long a multicast is remembered, in ms, so that its copies over other connections are known. */
  readonly multicastMemoryMs: number
  /** Multicasts remembered at most; the oldest is forgotten first. */
  readonly multicastsRemembered: number
  /** Between two requests to verify the same subscriber of a private topic, in ms. */
  readonly verifyIntervalMs: number
  /** Mbit/s of what goes out, counted as the C++ node does; 0 is no limit. */
  readonly bandwidthMbits: number
}

export const DEFAULT_AMOP_SETTINGS: AmopSettings = {
  version: '2.9.1',
  chainId: '1',
  groups: [1],
  blockNumber: 1,
  choice: 'random',
  sessionTimeoutMs: 5_000,
  nodeTimeoutMs: 30_000,
  idleTimeoutMs: 60_000,
  outputBytesMax: 67_108_864,
  outputTimeoutMs: 30_000,
  frameBytesMax: 104_857_600,
  jsonBytesMax: 1_048_576,
  topicsPerSessionMax: 4_096,
  outstandingMax: 65_536,
  retainedBytesMax: 268_435_456,
  multicastMemoryMs: 30_000,
  multicastsRemembered: 100_000,
  verifyIntervalMs: 5_000,
  bandwidthMbits: 0,
}
