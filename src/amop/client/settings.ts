import { CLIENT_TYPE } from './greeting.ts'

/** Times and bounds of a client. */
export interface ClientSettings {
  /**
   * What nodes call this client in their logs. Leveret joins frames for the default, `leveret`; under any other name each
   * costs a write of its own.
   */
  readonly clientType: string
  /** How long an answer may take, in ms, when the call does not say. */
  readonly timeoutMs: number
  /** How long a connection may take until messages can be sent over it, in ms. */
  readonly connectTimeoutMs: number
  /** Between two heartbeats, in ms. */
  readonly heartbeatMs: number
  /** A node that says nothing for so long is taken for dead, in ms. */
  readonly silenceMs: number
  /** Wait before the first attempt to reconnect, in ms; it doubles with each that fails. Half of each wait is drawn at random. */
  readonly reconnectMinMs: number
  /** Wait between two attempts at most, in ms. */
  readonly reconnectMaxMs: number
  /** Bytes that may wait for one node; it gets no further messages until it has read. */
  readonly outputBytesMax: number
  /** How long they may be too many until the connection is given up, in ms. */
  readonly outputTimeoutMs: number
  /** Bytes of a frame that is read. */
  readonly frameBytesMax: number
  /** Unicasts that wait for an answer from one node at a time. */
  readonly outstandingMax: number
  /** Handlers that run at a time; with so many nothing more is read. */
  readonly handlersMax: number
  /** Bytes of data that they may have together, likewise. */
  readonly handledBytesMax: number
  /** How long a multicast is remembered, in ms, so that its copies from other nodes are dropped. */
  readonly multicastMemoryMs: number
  /** Multicasts remembered at most; the oldest is forgotten first. */
  readonly multicastsRemembered: number
  /** How long `close` waits for handlers that run, in ms. */
  readonly closeTimeoutMs: number
}

/** Heartbeat and silence as in java-sdk. */
export const DEFAULT_CLIENT_SETTINGS: ClientSettings = {
  clientType: CLIENT_TYPE,
  timeoutMs: 5_000,
  connectTimeoutMs: 10_000,
  heartbeatMs: 2_000,
  silenceMs: 10_000,
  reconnectMinMs: 200,
  reconnectMaxMs: 10_000,
  outputBytesMax: 67_108_864,
  outputTimeoutMs: 30_000,
  frameBytesMax: 104_857_600,
  outstandingMax: 65_536,
  handlersMax: 10_000,
  handledBytesMax: 268_435_456,
  multicastMemoryMs: 30_000,
  multicastsRemembered: 100_000,
  closeTimeoutMs: 5_000,
}
