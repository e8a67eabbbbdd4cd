import {
  BASIC_GET_OK,
  encodeBasicAck,
  encodeBasicGet,
  encodeTxCommit,
  encodeTxRollback,
  encodeTxSelect,
  TX_COMMIT_OK,
  TX_ROLLBACK_OK,
  TX_SELECT_OK,
} from '../../src/codec/index.ts'
import { makeBody } from './body.ts'
import { type Channel, type Client, GET_ANSWERS } from './client.ts'
import type { Copy, Sent } from './ledger.ts'
import { randomBytes, turn, type Worker, type World } from './load.ts'

interface Taken {
  readonly tag: number
  readonly copy: Copy
}

/** In each transaction takes a message from one queue and puts one into each of two others. */
export class TransactingClient implements Worker {
  readonly client: Client
  readonly #world: World
  readonly #name: string
  readonly #channel: Channel
  #isOver = false
  #working: Promise<void> | undefined
  #taken: Taken | undefined

  private constructor(world: World, client: Client, channel: Channel, name: string) {
    this.client = client
    this.#world = world
    this.#channel = channel
    this.#name = name
  }

  static async open(world: World, client: Client, name: string): Promise<TransactingClient> {
    const channel = await client.openChannel()
    await channel.call(encodeTxSelect(channel.id), TX_SELECT_OK)
    return new TransactingClient(world, client, channel, name)
  }

  work(): Promise<void> {
    this.#working = this.#work()
    return this.#working
  }

  async finish(): Promise<void> {
    this.#isOver = true
    await this.#working
  }

  async #work(): Promise<void> {
    try {
      while (!this.#isOver) {
        await this.#transact()
        await turn()
      }
    } catch (error) {
      if (this.client.failure === undefined) throw error
    }
  }

  async #transact(): Promise<void> {
    const { random, topology, ledger } = this.#world
    this.#taken ??= await this.#take()
    const taken = this.#taken
    const sents = topology.transaction.to.map((line) => {
      const bytes = randomBytes(random, this.#world.bytesMax)
      const properties = { deliveryMode: 2 }
      const sent = ledger.publish(this.#name, properties, bytes, [line])
      this.#channel.publish('', line.name, properties, makeBody(sent.uid, bytes))
      return sent
    })
    if (taken !== undefined) this.#channel.write(encodeBasicAck(this.#channel.id, { deliveryTag: taken.tag }))
    if (random.chance(0.2)) {
      await this.#channel.call(encodeTxRollback(this.#channel.id), TX_ROLLBACK_OK)
      // The acknowledgement is taken back: the message is still with us, for the next transaction.
      for (const sent of sents) ledger.confirm(sent, false)
      return
    }
    await this.#commit(sents, taken)
  }

  async #commit(sents: readonly Sent[], taken: Taken | undefined): Promise<void> {
    const { ledger } = this.#world
    this.#taken = undefined
    if (taken !== undefined) ledger.acknowledge(taken.copy)
    const copies = sents.flatMap((sent) => sent.copies)
    const tie = ledger.tie([...copies, ...(taken === undefined ? [] : [taken.copy])], () => {
      const there = copies.filter(({ seen }) => seen > 0).length
      const isTornApart = there > 0 && there < copies.length
      if (!isTornApart && (ledger.acksMayFail || !isHalfDone(taken?.copy, there > 0))) return undefined
      return `half a transaction: ${copies.map((copy) => `${copy} seen ${copy.seen}`)}, took ${taken?.copy} seen ${taken?.copy.seen}`
    })
    await this.#channel.call(encodeTxCommit(this.#channel.id), TX_COMMIT_OK)
    ledger.untie(tie)
    for (const sent of sents) ledger.confirm(sent, true)
    if (taken !== undefined) ledger.prove({ copy: taken.copy })
  }

  async #take(): Promise<Taken | undefined> {
    const { from } = this.#world.topology.transaction
    const answer = await this.#channel.call(encodeBasicGet(this.#channel.id, { queue: from.name }), ...GET_ANSWERS)
    if (answer.method !== BASIC_GET_OK || answer.message === undefined) return undefined
    const copy = this.#world.ledger.receive(from, answer.message)
    return copy && { tag: answer.message.deliveryTag, copy }
  }
}

/** What was taken is back although the transaction is there, or gone without it. */
function isHalfDone(taken: Copy | undefined, isDone: boolean): boolean {
  if (taken === undefined) return false
  if (taken.seen > 0) return isDone
  return !isDone && taken.held && taken.sent.properties.deliveryMode === 2
}
