/*
 * What finding the bindings of one message costs, by exchange type, without the vhost's route cache in front of it.
 *
 *     npm run build && node dist/bench/routing.js
 *
 * Prints nanoseconds a route: the median of several rounds, and the lowest and highest.
 */
import { Clock, silentLogger, Timers, Turn } from '../src/base/index.ts'
import { type Binding, createExchangeTypes, Exchange, findExchangeType } from '../src/broker/exchange/index.ts'
import { type EntityHost, MemoryAccount } from '../src/broker/host.ts'
import { Message } from '../src/broker/message.ts'
import { Storage } from '../src/broker/storage/index.ts'
import { encodeProperties, fromObject, PropertyView, Table } from '../src/codec/index.ts'
import { MemoryJournal } from '../src/store/index.ts'

const ROUNDS = 7
const ROUND_MS = 60

const clock = new Clock()
const journal = new MemoryJournal()
const host: EntityHost = {
  name: '/',
  context: {
    clock,
    timers: new Timers(clock),
    turn: new Turn(() => {}),
    journal,
    log: silentLogger,
    memory: new MemoryAccount(),
    limits: { maxMessageSize: 0, consumerTimeoutMs: 0 },
    storage: new Storage(journal),
    propertyView: new PropertyView(),
  },
  deadLetter() {},
  deleteQueue() {},
  publishFrom() {},
}

const types = createExchangeTypes()

function exchangeOf(type: string, name = type): Exchange {
  const options = { durable: false, autoDelete: false, internal: false, arguments: new Table() }
  return new Exchange(host, name, findExchangeType(types, type), options)
}

interface Rule {
  readonly routingKey: string
  readonly arguments?: Table
}

/** An exchange of the type with one destination a rule. */
function bound(type: string, rules: readonly Rule[]): Exchange {
  const source = exchangeOf(type)
  for (const [i, rule] of rules.entries())
    source.bindings.add({ arguments: new Table(), ...rule, source, destination: exchangeOf('fanout', `d${i}`) })
  return source
}

/** Counts, so that no route is in vain. */
class Count {
  matches = 0

  add(_binding: Binding): void {
    this.matches++
  }

  addOutlet(): void {}
}

function measure(title: string, exchange: Exchange, messages: readonly Message[]): void {
  const { router } = exchange
  const keys = messages.map((message) => message.routingKey)
  const count = new Count()
  let routes = 0
  const run = (ms: number): number => {
    const from = routes
    const begin = performance.now()
    let took = 0
    do {
      for (let i = 0; i < 1000; i++) {
        const which = routes++ % keys.length
        router.route(keys[which] as string, messages[which] as Message, count)
      }
      took = performance.now() - begin
    } while (took < ms)
    return (took * 1e6) / (routes - from)
  }
  run(2 * ROUND_MS)
  const figures = Array.from({ length: ROUNDS }, () => run(ROUND_MS)).sort((a, b) => a - b)
  const [lowest, median, highest] = [figures[0], figures[ROUNDS >> 1], figures[ROUNDS - 1]].map((ns) =>
    (ns as number).toFixed(0).padStart(6),
  )
  const matches = (count.matches / routes).toFixed(2)
  console.log(`${title.padEnd(58)} ${median} ns (${lowest} to ${highest}), ${matches} matches`)
}

function numbers<T>(count: number, make: (i: number) => T): T[] {
  return Array.from({ length: count }, (_, i) => make(i))
}

function message(routingKey: string, headers?: Record<string, unknown>): Message {
  const properties = encodeProperties(headers === undefined ? {} : { headers: fromObject(headers) })
  return Message.of('x', routingKey, properties, Buffer.alloc(16))
}

function topicRules(count: number): Rule[] {
  return numbers(count, (i) => ({ routingKey: i % 2 === 0 ? `s${i >> 1}.*.t` : `s${i >> 1}.#` }))
}

const topicMessages = numbers(1000, (i) => message(`s${i % 500}.w${i}.t`))
const keyed = numbers(1000, (i) => message(`k${i}`))

function headersRules(count: number, mode: string): Rule[] {
  return numbers(count, (i) => ({
    routingKey: '',
    arguments: fromObject({ 'x-match': mode, format: 'pdf', customer: i }),
  }))
}

const headed = numbers(1000, (i) => message('', { format: 'zip', customer: i, priority: 3 }))
const matching = numbers(1000, (i) => message('', { format: 'pdf', customer: i, priority: 3 }))

console.log(`Node ${process.version}, ${process.arch}`)
measure(
  'direct, 1,000 bindings',
  bound(
    'direct',
    numbers(1000, (i) => ({ routingKey: `k${i}` })),
  ),
  keyed,
)
measure(
  'fanout, 10 bindings',
  bound(
    'fanout',
    numbers(10, () => ({ routingKey: '' })),
  ),
  keyed,
)
measure('topic, 1,000 bindings (500 sNNN.*.t, 500 sNNN.#)', bound('topic', topicRules(1000)), topicMessages)
measure('topic, 500 bindings, half of the keys unknown', bound('topic', topicRules(500)), topicMessages)
measure('topic, 100,000 bindings', bound('topic', topicRules(100_000)), topicMessages)
measure('topic, #.a.#.b.#', bound('topic', [{ routingKey: '#.a.#.b.#' }]), [message('x.a.y.z.b.c')])
measure('headers all, 10 bindings', bound('headers', headersRules(10, 'all')), matching)
measure('headers all, 1,000 bindings', bound('headers', headersRules(1000, 'all')), matching)
measure('headers any, 1,000 bindings', bound('headers', headersRules(1000, 'any')), headed)
measure('headers, 1,000 bindings, message without headers', bound('headers', headersRules(1000, 'all')), keyed)
for (const count of [4, 64])
  measure(
    `x-consistent-hash, ${count} bindings`,
    bound(
      'x-consistent-hash',
      numbers(count, () => ({ routingKey: '1' })),
    ),
    keyed,
  )
