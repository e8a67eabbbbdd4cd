import type { Random } from '../store/random.ts'
import type { BrokerHost } from './broker-process.ts'
import type { Client } from './client.ts'
import type { Comings } from './comings.ts'
import { ConsumingClient } from './consuming-client.ts'
import type { Keys } from './keys.ts'
import type { Ledger } from './ledger.ts'
import { PublishingClient } from './publishing-client.ts'
import type { Topology } from './topology.ts'
import { TransactingClient } from './transacting-client.ts'

/** What all clients of a proof share. */
export interface World {
  readonly random: Random
  readonly ledger: Ledger
  readonly topology: Topology
  readonly keys: Keys
  readonly comings: Comings
  /** Largest body. */
  readonly bytesMax: number
  /** Most messages that one publisher sends. */
  readonly messagesMax: number
  /** The share of large messages that go to several queues, beside all others. */
  readonly sharedShare: number
  /** The share of messages that are not persistent. */
  readonly transientShare: number
}

/** Somebody who works on a connection until it is told to stop, or the connection is gone. */
export interface Worker {
  readonly client: Client
  /** Resolves when it has nothing more to do. */
  work(): Promise<void>
  /** Stops, and waits until everything that it has sent is certain. */
  finish(): Promise<void>
}

const PUBLISHERS = 3
const CONSUMERS = 3

/** Publishers and consumers at work on a broker. */
export class Load {
  readonly #world: World
  readonly #workers: readonly Worker[]
  readonly #working: Promise<unknown>

  private constructor(world: World, workers: readonly Worker[]) {
    this.#world = world
    this.#workers = workers
    this.#working = Promise.all(workers.map((worker) => worker.work()))
    // Whoever waits for them later is told.
    this.#working.catch(() => undefined)
  }

  /** Connects everybody and sets them to work. */
  static async start(world: World, broker: BrokerHost, round: number): Promise<Load> {
    const { random, comings } = world
    const opening: Promise<Worker>[] = []
    const open = (worker: (client: Client) => Promise<Worker>) => opening.push(broker.connect().then(worker))
    for (let number = random.between(1, PUBLISHERS); number > 0; number--) {
      open((client) => PublishingClient.open(world, client, `publisher ${round}.${number}`))
    }
    for (let number = random.between(0, CONSUMERS); number > 0; number--) {
      open((client) => ConsumingClient.open(world, client, `consumer ${round}.${number}`))
    }
    open((client) => TransactingClient.open(world, client, `transactions ${round}`))
    open((client) => comings.open(world, client, `comings ${round}`))
    return new Load(world, await Promise.all(opening))
  }

  /** Everybody stops; then everything sent is certain, and nothing is under way. */
  async finish(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.finish()))
    await this.#working
    this.#checkRefusals()
  }

  /** The broker is no more; resolves when every byte that it has sent is read. */
  async gone(): Promise<void> {
    await Promise.all(this.#workers.map(({ client }) => client.gone))
    await this.#working
    this.#checkRefusals()
  }

  /** Nobody here does what a broker may refuse. */
  #checkRefusals(): void {
    for (const { client } of this.#workers) this.#world.ledger.faults.push(...client.refusals)
  }
}

/** Lets everything else have its turn. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

/** Sizes as they come: most small, few large. */
export function randomBytes(random: Random, bytesMax: number): number {
  const kind = random.below(200)
  const most = kind < 130 ? 64 : kind < 180 ? 2048 : kind < 194 ? 40_000 : kind < 199 ? 300_000 : 1_048_576
  return random.between(16, Math.min(most, bytesMax))
}

export function pick<T>(random: Random, values: readonly T[]): T {
  return values[random.below(values.length)] as T
}
