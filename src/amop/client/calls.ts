import type { Clock, Timer, Timers } from '../../base/index.ts'
import type { Packet } from '../packet/packet.ts'
import { ResultCode } from '../packet/result-code.ts'
import { AmopError } from './amop-error.ts'
import { MulticastCall } from './multicast-call.ts'
import type { NodeConnection } from './node-connection.ts'
import { UnicastCall } from './unicast-call.ts'

export interface CallOptions {
  /** How long the answer may take, in ms. Default: the client's `timeoutMs`, 5000. */
  readonly timeoutMs?: number
  /** Ends the wait with the signal's reason; what was sent stays sent. */
  readonly signal?: AbortSignal
}

export interface CallsOptions {
  readonly clock: Clock
  readonly timers: Timers
  readonly timeoutMs: number
  /** From 0 to 1, exclusive. */
  readonly random: () => number
}

/** What is behind the promise of a call. */
interface Call {
  timer: Timer | undefined
  fail(error: Error): void
}

/** Turns calls into promises, with their time limits and signals. */
export class Calls {
  readonly #options: CallsOptions

  constructor(options: CallsOptions) {
    this.#options = options
  }

  /** @param topic as the application calls it. */
  unicast(
    packet: Packet,
    topic: string,
    connections: readonly NodeConnection[],
    options: CallOptions = {},
  ): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      options.signal?.throwIfAborted()
      const first = Math.floor(this.#options.random() * connections.length)
      const call = new UnicastCall(packet, topic, connections, first, (error, data) => {
        this.#settled(call, abort, options)
        if (error === undefined) resolve(data as Buffer)
        else reject(error)
      })
      const abort = this.#abortWith(call, options)
      this.#limit(call, options, (error) => call.fail(error), topic, packet)
      call.next()
    })
  }

  multicast(
    packet: Packet,
    topic: string,
    connections: readonly NodeConnection[],
    options: CallOptions = {},
  ): Promise<void> {
    return new Promise((resolve, reject) => {
      options.signal?.throwIfAborted()
      const call = new MulticastCall(packet, topic, (error) => {
        this.#settled(call, abort, options)
        if (error === undefined) resolve()
        else reject(error)
      })
      const abort = this.#abortWith(call, options)
      this.#limit(call, options, (error) => call.expire(error), topic, packet)
      call.sendTo(connections)
    })
  }

  #abortWith(call: Call, { signal }: CallOptions): (() => void) | undefined {
    if (signal === undefined) return undefined
    const abort = (): void => call.fail(signal.reason)
    signal.addEventListener('abort', abort, { once: true })
    return abort
  }

  #limit(call: Call, options: CallOptions, expire: (error: Error) => void, topic: string, { seq }: Packet): void {
    const { clock, timers, timeoutMs: usual } = this.#options
    const { timeoutMs = usual } = options
    call.timer = timers.schedule(clock.refresh() + timeoutMs, () => {
      const text = `${ResultCode.TIMEOUT}: no answer on topic '${topic}' within ${timeoutMs} ms`
      expire(new AmopError(ResultCode.TIMEOUT, text, { topic, seq }))
    })
  }

  #settled(call: Call, abort: (() => void) | undefined, { signal }: CallOptions): void {
    this.#options.timers.cancel(call.timer)
    if (abort !== undefined) signal?.removeEventListener('abort', abort)
  }
}
