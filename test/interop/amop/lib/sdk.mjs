import { createHash } from 'node:crypto'
import { LineProgram, until } from './lines.mjs'

const NOBODY = 'nobody-listens-to-this'
const CONNECT_MS = 60_000

export function sha256(data) {
  return createHash('sha256').update(data).digest('hex')
}

/** What the program named so answers to a message. */
export function replyOf(name, data) {
  const bytes = Buffer.from(data)
  return Buffer.concat([Buffer.from(`${name}:`), bytes.length > 1024 ? Buffer.from(sha256(bytes)) : bytes])
}

/** The Java SDKs give up after 30 s when their first connection has come to nothing. */
const STARTED_IN_VAIN = /Failed to connect to\s+nodes/

/** A program of ours over an unmodified SDK; ../README.md has the lines by which it is told what to do. */
export class Sdk {
  /** Every message that came, in order. */
  messages = []
  /** Answers to unicasts by id. */
  answers = new Map()
  /** Told at once of each message. */
  onMessage = () => {}
  faults = []
  #connected = false
  #nextId = 1
  #nextOrder = 1
  #orders = new Map()

  /**
   * @param sdk one of `installSdks`.
   * @param where `host:port`, or a configuration file.
   */
  constructor(sdk, name, where, certificates = '') {
    this.name = name
    this.kind = sdk.kind
    const [program, ...args] = sdk.line
    this.program = new LineProgram(name, program, [...args, name, where, certificates], {
      env: sdk.env,
      onLine: (line) => this.#read(line),
    })
  }

  /** Resolves when it is connected. */
  static async connect(sdk, name, node, where = node.amop) {
    const one = new Sdk(sdk, name, where, node.certificates)
    try {
      await one.connected()
      return one
    } catch (error) {
      await one.stop()
      if (!STARTED_IN_VAIN.test(error.message)) throw error
      // Seen once in eight runs, from web3sdk, on the machine's busiest moment; what the node saw of it is worth knowing.
      console.log(`  ${sdk.version} did not get through its start and is started again; the node said:\n${node.tail()}`)
    }
    const again = new Sdk(sdk, name, where, node.certificates)
    await again.connected()
    return again
  }

  async connected() {
    await this.#until(() => this.#connected, `${this.name} connects`, CONNECT_MS)
  }

  #read(line) {
    if (!line.startsWith('{"')) return
    const event = JSON.parse(line)
    if (event.data) event.data = Buffer.from(event.data, 'base64')
    event.at = performance.now()
    switch (event.event) {
      case 'connected':
        this.#connected = true
        return
      case 'message':
        this.messages.push(event)
        this.onMessage(event)
        return
      case 'answer':
        this.answers.set(event.id, event)
        return
      case 'done':
      case 'refused':
        this.#orders.get(event.id)?.(event)
        return
      default:
        this.faults.push(event.error)
    }
  }

  async #until(condition, what, limitMs) {
    return until(
      () => {
        const value = condition()
        if (value) return value
        this.program.mustRun()
        if (this.faults.length > 0) throw new Error(`${this.name}: ${this.faults.join('; ')}`)
        return value
      },
      what,
      limitMs,
    )
  }

  /** Orders it to do something; @returns what the SDK's call said: `done` or `refused` with its error. */
  async order(order, limitMs = 15_000) {
    // Of its own range: the id of a unicast is that of its answer.
    const id = order.id ?? -this.#nextOrder++
    let said
    this.#orders.set(id, (event) => {
      said = event
    })
    this.program.write(JSON.stringify({ ...order, id }))
    await this.#until(() => said, `${this.name} does ${order.op}`, limitMs)
    this.#orders.delete(id)
    return said
  }

  async #mustDo(order) {
    const said = await this.order(order)
    if (said.event === 'refused') throw new Error(`${this.name} cannot ${order.op}: ${said.error}`)
  }

  /**
   * Subscribes; resolves when the node has it.
   * @param mode '' answers with `replyOf`, 'silent' does not answer.
   */
  async subscribe(topic, { mode = '', privateKey = '' } = {}) {
    await this.#mustDo({ op: 'subscribe', topic, mode, privateKey })
    await this.settled()
  }

  async unsubscribe(topic, options = {}) {
    await this.#mustDo({ op: 'unsubscribe', topic, ...options })
    await this.settled()
  }

  /** Announces itself as the publisher of a private topic. */
  async claim(topic, publicKeys) {
    await this.#mustDo({ op: 'claim', topic, publicKeys })
    await this.settled()
  }

  /**
   * Topics are not answered; but a node takes one session's frames in order, so the answer to what comes after them says
   * that it has them.
   */
  async settled() {
    const { code, error } = await this.unicast(NOBODY, 'x')
    if (code !== 100) throw new Error(`${this.name}: a topic nobody has was answered with ${code} ${error ?? ''}`)
  }

  /** @returns {Promise<{code: number, data: Buffer | null, error?: string, ms: number}>} */
  async unicast(topic, data, { timeoutMs = 20_000, ...options } = {}) {
    const id = this.#nextId++
    const started = performance.now()
    await this.#mustDo({ op: 'unicast', id, topic, data: Buffer.from(data).toString('base64'), timeoutMs, ...options })
    const answer = await this.#until(() => this.answers.get(id), `${this.name} has an answer`, timeoutMs + 15_000)
    this.answers.delete(id)
    return { ...answer, ms: answer.at - started }
  }

  async multicast(topic, data, options = {}) {
    const id = this.#nextId++
    await this.#mustDo({ op: 'multicast', id, topic, data: Buffer.from(data).toString('base64'), ...options })
    const answer = await this.#until(() => this.answers.get(id), `${this.name} has sent a multicast`, 15_000)
    this.answers.delete(id)
    return answer
  }

  /** @returns the messages of a topic, when there are as many. */
  async received(topic, count, limitMs) {
    const of = () => this.messages.filter((message) => message.topic === topic)
    await this.#until(
      () => of().length >= count,
      () => `${this.name} gets ${count} messages of ${topic}, has ${of().length}`,
      limitMs,
    )
    return of()
  }

  async stop() {
    await this.program.kill()
  }
}
