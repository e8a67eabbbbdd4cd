import { CHANNEL_OPEN_OK, encodeChannelOpen } from '../../codec/index.ts'
import { Client, type ClientOptions } from '../client/client.ts'
import { ClientError } from '../client/client-error.ts'
import type { Target } from '../client/uri.ts'

const POLL_MS = 2
/** How long an interrupted run still waits for answers that may never come. */
const PATIENCE_MS = 2000

/** The connections of one run of the tool, and its end: by itself, by the user, or because one of them is lost. */
export class Run {
  /** The user wants it to end now. */
  interrupted = false
  readonly target: Target
  readonly #options: ClientOptions
  readonly #clients = new Set<Client>()
  #failure: Error | undefined
  // What `wait` is sleeping on.
  readonly #sleepers = new Set<() => void>()
  readonly #ended: Promise<void>
  #end: () => void = () => {}
  #patienceEndMs = 0

  constructor(target: Target, options: ClientOptions = {}) {
    this.target = target
    this.#options = options
    this.#ended = new Promise((resolve) => {
      this.#end = resolve
    })
  }

  /** Opens a connection; when it is lost later on, the run fails. */
  async connect(role: string): Promise<Client> {
    const client = await Client.connect(this.target, {
      ...this.#options,
      connectionName: `leveret-perf ${role}`,
      onBlocked: (reason) => this.#options.onBlocked?.(`${role}: ${reason}`),
      onFailure: (error) => this.fail(new ClientError(`${role}: ${error.message}`, error.code)),
    })
    this.#clients.add(client)
    return client
  }

  /** A connection with its channel 1 open. */
  async connectChannel(role: string): Promise<Client> {
    const client = await this.connect(role)
    await client.call(1, encodeChannelOpen(1), CHANNEL_OPEN_OK)
    return client
  }

  fail(error: Error): void {
    this.#failure ??= error
    this.#wakeAll()
  }

  interrupt(): void {
    this.interrupted = true
    this.#patienceEndMs = performance.now() + PATIENCE_MS
    this.#wakeAll()
  }

  /**
   * Sleeps, at most until the user interrupts.
   * @throws ClientError when a connection has been lost.
   */
  async wait(ms: number): Promise<void> {
    if (!this.interrupted && this.#failure === undefined) {
      await new Promise<void>((resolve) => {
        const done = () => {
          clearTimeout(timer)
          this.#sleepers.delete(done)
          resolve()
        }
        const timer = setTimeout(done, ms)
        this.#sleepers.add(done)
      })
    }
    if (this.#failure !== undefined) throw this.#failure
  }

  /** Waits for some work; when the user interrupts, only a moment longer: a broker may have stopped to answer. */
  async finish(work: Promise<unknown>): Promise<void> {
    // Nobody hears of it any more if it fails after this has returned.
    work.catch(() => {})
    await Promise.race([work, this.#ended])
    if (this.#failure !== undefined) throw this.#failure
    if (!this.interrupted) return
    let timer: NodeJS.Timeout | undefined
    const patience = new Promise((resolve) => {
      timer = setTimeout(resolve, this.#patienceEndMs - performance.now())
    })
    await Promise.race([work, patience])
    clearTimeout(timer)
  }

  /** Waits until the condition holds or the user interrupts. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition() && !this.interrupted) await this.wait(POLL_MS)
  }

  /**
   * Waits until nothing is left over, or what is left over has not become less for `quietMs`; goes on after an interrupt.
   * @param rest how much is left over.
   */
  async untilSettled(rest: () => number, quietMs: number): Promise<void> {
    let least = Number.POSITIVE_INFINITY
    let since = performance.now()
    for (;;) {
      const left = rest()
      if (left <= 0) return
      const now = performance.now()
      if (left < least) {
        least = left
        since = now
      } else if (now - since > quietMs) {
        return
      }
      if (this.#failure !== undefined) throw this.#failure
      await new Promise((resolve) => setTimeout(resolve, POLL_MS))
    }
  }

  async close(client: Client): Promise<void> {
    this.#clients.delete(client)
    await client.close()
  }

  async closeAll(): Promise<void> {
    await Promise.all(Array.from(this.#clients, (client) => this.close(client)))
  }

  #wakeAll(): void {
    this.#end()
    for (const wake of this.#sleepers) wake()
  }
}
