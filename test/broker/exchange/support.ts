import { silentLogger, Timers, Turn } from '../../../src/base/index.ts'
import {
  createExchangeTypes,
  Exchange,
  type ExchangeOptions,
  findExchangeType,
} from '../../../src/broker/exchange/index.ts'
import { type EntityHost, MemoryAccount } from '../../../src/broker/host.ts'
import { Message } from '../../../src/broker/message.ts'
import { Storage } from '../../../src/broker/storage/index.ts'
import {
  encodeProperties,
  type FieldValue,
  fromObject,
  longstr,
  type Properties,
  PropertyView,
  Table,
} from '../../../src/codec/index.ts'
import { MemoryJournal } from '../../../src/store/index.ts'
import { ManualTime } from '../../helpers/manual-time.ts'

const START = Date.UTC(2030, 0, 1)

/** A vhost without topology whose time the test owns; it keeps what exchanges let go. */
const journal = new MemoryJournal()

export class TestHost implements EntityHost {
  readonly name = '/'
  readonly released: { exchange: Exchange; message: Message; at: number }[] = []
  readonly #time = new ManualTime(START)
  readonly timers = new Timers(this.#time.clock, this.#time)
  readonly memory = new MemoryAccount()
  readonly context = {
    clock: this.#time.clock,
    timers: this.timers,
    turn: new Turn(
      () => {},
      () => {},
    ),
    journal,
    log: silentLogger,
    memory: this.memory,
    limits: { maxMessageSize: 16 * 1024 * 1024, consumerTimeoutMs: 0 },
    storage: new Storage(journal),
    propertyView: new PropertyView(),
  }

  /** Milliseconds since the test began. */
  get elapsed(): number {
    return this.#time.now - START
  }

  /** Lets time pass, stopping at each moment for which a timer was set. */
  advance(ms: number): void {
    this.#time.advance(ms)
  }

  publishFrom(exchange: Exchange, message: Message): void {
    // A view is only good during the call.
    this.released.push({ exchange, message: message.copy(), at: this.elapsed })
  }

  deadLetter(): void {}
  deleteQueue(): void {}
}

export const types = createExchangeTypes()

/** An exchange of the given type; `args` as plain values or as a table. */
export function exchangeOf(
  type: string,
  args: Record<string, unknown> | Table = {},
  options: { name?: string; host?: EntityHost } & Partial<Omit<ExchangeOptions, 'arguments'>> = {},
): Exchange {
  const { name = 'x1', host = new TestHost(), durable = false, autoDelete = false, internal = false } = options
  return new Exchange(host, name, findExchangeType(types, type), {
    durable,
    autoDelete,
    internal,
    arguments: args instanceof Table ? args : fromObject(args),
  })
}

/** Somewhere to route to: another exchange, so that these tests need no queue. */
export function destinationOf(name: string): Exchange {
  return exchangeOf('fanout', {}, { name })
}

/** Binds as the vhost does; the destination is named, and made when it is new. */
export class Bindings {
  readonly exchange: Exchange
  readonly #destinations = new Map<string, Exchange>()

  constructor(exchange: Exchange) {
    this.exchange = exchange
  }

  destination(name: string): Exchange {
    let destination = this.#destinations.get(name)
    if (destination === undefined) {
      destination = destinationOf(name)
      this.#destinations.set(name, destination)
    }
    return destination
  }

  bind(name: string, routingKey = '', args: Table = new Table()): boolean {
    this.exchange.router.validateBinding?.(routingKey, args)
    const destination = this.destination(name)
    return this.exchange.bindings.add({ source: this.exchange, destination, routingKey, arguments: args })
  }

  unbind(name: string, routingKey = '', args: Table = new Table()): boolean {
    const binding = this.exchange.bindings.find(this.destination(name), routingKey, args)
    return binding !== undefined && this.exchange.bindings.remove(binding)
  }

  /** The names of the destinations, sorted. */
  route(message: Message): string[] {
    const names = new Set<string>()
    const into = {
      add: ({ destination }: { destination: { name: string } }) => names.add(destination.name),
      addOutlet: () => {},
    }
    this.exchange.router.route(message.routingKey, message, into)
    return [...names].sort()
  }

  routeKey(routingKey: string): string[] {
    return this.route(messageOf({ routingKey }))
  }

  routeHeaders(headers: Record<string, unknown> | Table | undefined): string[] {
    return this.route(messageOf({ headers }))
  }
}

export function messageOf({
  exchange = 'x1',
  routingKey = '',
  headers,
  body = '',
  ...properties
}: {
  exchange?: string
  routingKey?: string
  headers?: Record<string, unknown> | Table | undefined
  body?: string
} & Omit<Properties, 'headers'>): Message {
  const table = headers === undefined ? {} : { headers: headers instanceof Table ? headers : fromObject(headers) }
  return Message.of(exchange, routingKey, encodeProperties({ ...properties, ...table }), Buffer.from(body))
}

/** A table of the given fields, each with its wire type. */
export function table(fields: Record<string, FieldValue | string>): Table {
  const result = new Table()
  for (const [name, value] of Object.entries(fields))
    result.set(name, typeof value === 'string' ? longstr(value) : value)
  return result
}

/** The text of the AmqpError that the call throws, and its code. */
export function refusal(call: () => void): string {
  try {
    call()
  } catch (error) {
    const { code, scope, message } = error as { code: number; scope: string; message: string }
    return `${code} ${scope} ${message}`
  }
  throw new Error('nothing was refused')
}
