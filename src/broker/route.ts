import { readText, shortstrEnd } from '../codec/index.ts'
import type { Exchange } from './exchange/exchange.ts'
import type { Queue } from './queue/queue.ts'
import type { ReplyConsumer } from './reply-to.ts'

/** Where messages with one exchange and routing key go, as long as the vhost's topology stays as it was. */
export class Route {
  readonly exchange: Exchange
  readonly queues: readonly Queue[]
  /** The topology this was resolved against; a route of another generation is resolved again. */
  readonly generation: number
  /** False when more than exchange and key decide: the route then only names the exchange. */
  readonly cacheable: boolean
  /** At least one of the queues is durable, so persistent messages are journalled. */
  readonly durable: boolean
  /** The requester of a direct reply-to, instead of queues. */
  readonly reply: ReplyConsumer | undefined

  constructor(
    exchange: Exchange,
    queues: readonly Queue[],
    generation: number,
    cacheable: boolean,
    reply?: ReplyConsumer,
  ) {
    this.exchange = exchange
    this.queues = queues
    this.generation = generation
    this.cacheable = cacheable
    this.durable = queues.some((queue) => queue.durable)
    this.reply = reply
  }
}

/** Node's own fast decoder, which its types leave out; `toString('latin1', …)` costs half as much again. */
interface Latin1Source {
  latin1Slice(from: number, to: number): string
}

/**
 * Routes by the bytes of exchange and routing key as they stand in a publish, so that a repeated key costs neither a
 * UTF-8 check nor a walk through the bindings. Bounded: when full it starts anew, which costs one walk per live key.
 */
export class RouteCache {
  static readonly CAPACITY = 8192
  readonly #routes = new Map<string, Route>()
  /** The topology that all of them were resolved against. */
  #generation = 0

  /**
   * @param addressAt exchange and routing key as neighbouring shortstrs.
   * @param generation the topology of now; routes of another are dropped, for they would keep deleted queues alive.
   */
  find(buffer: Buffer, addressAt: number, addressEnd: number, generation: number): Route | undefined {
    if (generation !== this.#generation) {
      this.#routes.clear()
      this.#generation = generation
    }
    return this.#routes.get(keyOf(buffer, addressAt, addressEnd))
  }

  /** Keeps a route that `find` has just not found. */
  add(buffer: Buffer, addressAt: number, addressEnd: number, route: Route): void {
    if (this.#routes.size >= RouteCache.CAPACITY) this.#routes.clear()
    this.#routes.set(keyOf(buffer, addressAt, addressEnd), route)
  }

  clear(): void {
    this.#routes.clear()
  }
}

function keyOf(buffer: Buffer, from: number, to: number): string {
  return (buffer as unknown as Latin1Source).latin1Slice(from, to)
}

/** Reads exchange and key of an address. Bytes that are not UTF-8 stay apart, see `readText`. */
export function readAddress(buffer: Buffer, exchangeAt: number): { exchange: string; routingKey: string } {
  const exchangeEnd = shortstrEnd(buffer, exchangeAt)
  return {
    exchange: readText(buffer, exchangeAt + 1, exchangeEnd),
    routingKey: readText(buffer, exchangeEnd + 1, shortstrEnd(buffer, exchangeEnd)),
  }
}
