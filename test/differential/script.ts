import { createHash } from 'node:crypto'
import { BASIC_CANCEL, BASIC_DELIVER, BASIC_RETURN } from '../../src/codec/index.ts'
import type { Channel } from './channel.ts'
import { Connection, type ConnectOptions } from './connection.ts'
import { Normaliser } from './normalise.ts'
import type { WireEvent } from './wire.ts'

/** How the sessions of one run are timed. */
export interface Timing {
  /** How long nothing must arrive before nothing more is expected, in ms. */
  readonly quietMs: number
  /** How long an expected answer may take, in ms. */
  readonly patienceMs: number
}

// Turns of the event loop in which a broker in this process has read, answered, and been read.
const TURNS = 6

// Patience is used up in slices: of a time in which the machine let nobody run, broker or client, one slice counts.
const SLICE_MS = 50

/** What is expected on one channel: so many deliveries, returns, confirmed publishes, cancel notifications. */
export interface Expected {
  readonly deliver?: number
  readonly return?: number
  readonly confirm?: number
  readonly cancel?: number
}

/** How the answers of one session are compared. */
export interface SessionOptions {
  /** Keep confirms where they arrived among the channel's other events instead of behind them. */
  readonly exactOrder?: boolean
  /** Deliveries of one step come in any order (from several queues), so they are sorted and lose their delivery tags. */
  readonly unordered?: boolean
}

/**
 * One scripted session: opens connections to the broker, says things and notes what is said, step by step.
 *
 * Within a step the answers are noted channel by channel; between channels the protocol promises no order.
 */
export class Script {
  readonly timing: Timing
  readonly port: number
  readonly suffix: string
  readonly #options: SessionOptions
  readonly #lines: string[] = []
  readonly #connections: Connection[] = []
  readonly #normaliser: Normaliser
  readonly #names = new Map<string, 'queue' | 'exchange'>()
  readonly #waiting = new Set<() => void>()

  constructor(port: number, timing: Timing, id: string, options: SessionOptions) {
    this.port = port
    this.timing = timing
    this.#options = options
    this.suffix = `-${createHash('sha256').update(id).digest('hex').slice(0, 8)}`
    this.#normaliser = new Normaliser(this.suffix)
  }

  /** A queue name of this session's own; the queue is deleted afterwards. */
  q(name = 'q'): string {
    this.#names.set(name + this.suffix, 'queue')
    return name + this.suffix
  }

  /** An exchange name of this session's own; the exchange is deleted afterwards. */
  x(name = 'x'): string {
    this.#names.set(name + this.suffix, 'exchange')
    return name + this.suffix
  }

  /** A routing key or other name of this session's own. */
  own(name: string): string {
    return name + this.suffix
  }

  /** A socket on which nothing was said yet. */
  socket(): Connection {
    const name = String.fromCharCode(0x61 + this.#connections.length)
    const connection = new Connection(this, name)
    this.#connections.push(connection)
    return connection
  }

  /** A connection that has been opened; nothing of that is noted. */
  async connect(options: ConnectOptions = {}): Promise<Connection> {
    const connection = this.socket()
    await connection.open(options)
    return connection
  }

  /** A channel that has been opened on a new connection; nothing of that is noted. */
  async open(options: ConnectOptions = {}): Promise<Channel> {
    const connection = await this.connect(options)
    return this.silently(() => connection.openChannel(1))
  }

  /** Lets real time pass, for timeouts, and notes what arrived. */
  async pause(milliseconds: number): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, milliseconds))
    this.flush()
  }

  /** Waits until nothing has arrived for a while, and notes what arrived before. */
  async quiet(): Promise<void> {
    await this.#untilQuiet()
    this.flush()
  }

  /** Waits for the first answer, then as `quiet`: a socket that is still connecting is quiet, too. */
  async answered(): Promise<void> {
    await this.#nextEvent(this.timing.patienceMs)
    await this.quiet()
  }

  /** Waits for what is expected on each channel (or for its close), and notes everything that arrived. */
  async wait(...expectations: [channel: Channel, expected: Expected][]): Promise<void> {
    const met = () => expectations.every(([channel, expected]) => isMet(channel, expected))
    const done = await this.until(met)
    this.flush()
    if (!done) this.note('! not everything that was expected arrived')
  }

  /** Waits for a condition on what has arrived; false when it does not come true in time. */
  async until(condition: () => boolean): Promise<boolean> {
    let leftMs = this.timing.patienceMs
    while (!condition()) {
      if (leftMs <= 0) return false
      const sliceMs = Math.min(leftMs, SLICE_MS)
      const since = Date.now()
      await this.#nextEvent(sliceMs)
      leftMs -= Math.min(Date.now() - since, sliceMs)
    }
    return true
  }

  /** Called by connections when something has arrived. */
  wake(): void {
    for (const wake of this.#waiting) wake()
  }

  /** Adds a line of its own to what is compared. */
  note(line: string): void {
    this.#lines.push(this.#normaliser.apply(line))
  }

  /** Does something of which neither what is said nor what is answered is noted. */
  async silently<Result>(action: () => Promise<Result>): Promise<Result> {
    this.flush()
    const length = this.#lines.length
    const result = await action()
    this.#lines.length = length
    return result
  }

  /** Notes what has arrived since the last step. */
  flush(): void {
    for (const connection of this.#connections) this.noteEvents(connection, connection.takeEvents())
  }

  /** Notes these events as one step. */
  noteEvents(connection: Connection, events: WireEvent[]): void {
    for (const line of this.#step(events)) this.note(`${connection.name}${line}`)
  }

  /** Ends the session politely and gives all lines. */
  async finish(): Promise<string[]> {
    await this.quiet()
    const open = this.#connections.filter((connection) => !connection.ended)
    await this.silently(() => Promise.all(open.map((connection) => connection.close())))
    return [...this.#lines]
  }

  /** Deletes what the session declared. */
  async clean(): Promise<void> {
    for (const connection of this.#connections) connection.destroy()
    if (this.#names.size === 0) return
    const janitor = this.socket()
    await janitor.open({})
    const channel = await janitor.openChannel(1)
    for (const [name, kind] of this.#names) {
      if (kind === 'queue') await channel.deleteQueue(name, { noWait: true })
      else await channel.deleteExchange(name, { noWait: true })
    }
    await janitor.close()
    janitor.destroy()
  }

  #step(events: WireEvent[]): string[] {
    const channels = new Map<number, WireEvent[]>()
    for (const event of events) {
      const group = channels.get(event.channel)
      if (group) group.push(event)
      else channels.set(event.channel, [event])
    }
    // Channel 0 goes last: what it says usually ends the connection.
    const numbers = [...channels.keys()].sort((a, b) => (a || 0x1_0000) - (b || 0x1_0000))
    return numbers.flatMap((number) => {
      const prefix = number === 0 ? '' : number
      return this.#renderChannel(channels.get(number) ?? []).map((line) => `${prefix} < ${line}`)
    })
  }

  #renderChannel(events: WireEvent[]): string[] {
    if (this.#options.exactOrder) return events.flatMap(renderExactly)
    const others = events.filter((event) => event.confirms.length === 0)
    const texts = others.map((event) => event.text)
    return [...(this.#options.unordered ? sortDeliveries(others) : texts), ...summariseConfirms(events)]
  }

  async #untilQuiet(): Promise<void> {
    const quietMs = this.timing.quietMs
    const deadline = Date.now() + this.timing.patienceMs
    while (Date.now() < deadline && (await this.#nextEvent(quietMs))) {
      // Something arrived: the quiet begins anew.
    }
  }

  // True when something arrived within that time.
  async #nextEvent(milliseconds: number): Promise<boolean> {
    let arrived = false
    let stop = () => {}
    let wake = () => {}
    const event = new Promise<void>((resolve) => {
      wake = () => {
        arrived = true
        resolve()
      }
    })
    this.#waiting.add(wake)
    const time = new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, milliseconds)
      stop = () => clearTimeout(timer)
    })
    await Promise.race([event, time])
    stop()
    // The timer may be late because this process was busy; what waits in the sockets is read before it counts.
    for (let turn = 0; turn < TURNS && !arrived; turn++) await new Promise((resolve) => setImmediate(resolve))
    this.#waiting.delete(wake)
    return arrived
  }
}

function isMet(channel: Channel, expected: Expected): boolean {
  if (channel.isClosing()) return true
  const events = channel.pending()
  const count = (kind: number) => events.filter((event) => event.kind === kind).length
  const confirmed = events.reduce((sum, event) => sum + event.confirms.length, 0)
  return (
    count(BASIC_DELIVER) >= (expected.deliver ?? 0) &&
    count(BASIC_RETURN) >= (expected.return ?? 0) &&
    count(BASIC_CANCEL) >= (expected.cancel ?? 0) &&
    confirmed >= (expected.confirm ?? 0)
  )
}

function renderExactly(event: WireEvent): string[] {
  if (event.confirms.length === 0) return [event.text]
  return event.confirms.map((tag) => `${confirmVerb(event)} ${tag}`)
}

function confirmVerb(event: WireEvent): string {
  return event.text.startsWith('basic.ack') ? 'confirmed' : 'refused'
}

function summariseConfirms(events: WireEvent[]): string[] {
  const tags = new Map<string, number[]>()
  for (const event of events) {
    if (event.confirms.length === 0) continue
    const verb = confirmVerb(event)
    tags.set(verb, [...(tags.get(verb) ?? []), ...event.confirms])
  }
  return [...tags].sort().map(([verb, list]) => `${verb} ${list.sort((a, b) => a - b).join(' ')}`)
}

function sortDeliveries(events: WireEvent[]): string[] {
  const isDelivery = (event: WireEvent) => event.kind === BASIC_DELIVER
  const deliveries = events.filter(isDelivery).map((event) => event.text.replace(/ deliveryTag=\d+/, ''))
  deliveries.sort()
  const others = events.filter((event) => !isDelivery(event)).map((event) => event.text)
  return [...others, ...deliveries]
}
