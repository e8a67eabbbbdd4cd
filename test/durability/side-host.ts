import type { VirtualHost } from '../../src/broker/index.ts'
import { Message } from '../../src/broker/index.ts'
import { bind, declareExchange, declareQueue } from '../../src/server/declaring.ts'
import type { BrokerNode } from '../../src/server/node.ts'
import { publish } from '../../src/server/publishing.ts'
import type { Random } from '../store/random.ts'
import { pick } from './load.ts'

const VHOST = 'side'
const FANOUT = 'all'
const QUEUES = ['one', 'two', 'three']
const SIZES = [20, 500, 5000, 20_000]

/** A queue from one declaration to its end. */
interface Incarnation {
  readonly published: Set<number>
  /** What has to be there. */
  readonly kept: Set<number>
  /** Somebody has asked for its end. */
  isOver: boolean
  /** A message was confirmed, so that the queue has to be there, and those before it must not. */
  isSure: boolean
}

/** A virtual host beside all else that comes and goes with its queues, under the same names again and again. */
export class SideHost {
  readonly #random: Random
  readonly #queues = new Map<string, Incarnation[]>(QUEUES.map((name) => [name, []]))
  #ids = 0

  constructor(random: Random) {
    this.#random = random
  }

  /** Does the next thing. @param isDead whether nobody hears from this broker any more */
  step(node: BrokerNode, isDead: () => boolean): void {
    const random = this.#random
    node.context.clock.refresh()
    node.context.turn.schedule()
    const host = node.virtualHosts.find(VHOST)
    const what = random.below(40)
    if (host === undefined) this.#make(node)
    else if (what === 0) this.#end(node)
    else if (what < 4) this.#renew(host, pick(random, QUEUES))
    else if (what < 7) this.#purge(host, pick(random, QUEUES))
    else if (what < 14) this.#take(host, pick(random, QUEUES))
    else this.#publish(host, isDead)
  }

  /** Compares what there is with what was confirmed. @returns what is wrong. */
  check(node: BrokerNode): string[] {
    node.context.clock.refresh()
    const host = node.virtualHosts.find(VHOST)
    return QUEUES.flatMap((name) => {
      const queue = host?.queues.get(name)
      const ids = queue?.peek(Number.MAX_SAFE_INTEGER).map(({ body }) => Number(body.subarray(0, 10).toString()))
      return this.#check(name, ids).map((fault) => `side ${name}: ${fault}`)
    })
  }

  /** Begins anew, whatever is there. */
  renew(node: BrokerNode): void {
    node.context.clock.refresh()
    node.context.turn.schedule()
    if (node.virtualHosts.find(VHOST) !== undefined) this.#end(node)
    this.#make(node)
  }

  #check(name: string, ids: readonly number[] | undefined): string[] {
    const incarnations = this.#queues.get(name) as Incarnation[]
    const sure = incarnations.findLastIndex(({ isSure }) => isSure)
    const isGoneAllowed = sure < 0 || incarnations[sure]?.isOver === true
    if (ids === undefined) return isGoneAllowed ? [] : ['is not there']
    const faults: string[] = []
    for (const [index, id] of ids.entries()) {
      if (index > 0 && id <= (ids[index - 1] as number)) faults.push(`${id} behind ${ids[index - 1]}`)
    }
    const first = ids[0]
    const found = first === undefined ? -1 : incarnations.findIndex(({ published }) => published.has(first))
    if (first !== undefined && found < 0) return [...faults, `${first} was never published`]
    if (first !== undefined && found < sure) faults.push(`${first} is of an earlier queue of the name`)
    const judged = incarnations[first === undefined && !isGoneAllowed ? sure : found]
    if (judged === undefined) return faults
    for (const id of ids) if (!judged.published.has(id)) faults.push(`${id} is of another queue of the name`)
    const there = new Set(ids)
    for (const id of judged.kept) if (!there.has(id)) faults.push(`${id} is lost`)
    return faults
  }

  #make(node: BrokerNode): void {
    node.addVirtualHost(VHOST)
    const host = node.virtualHosts.find(VHOST) as VirtualHost
    declareExchange(host, FANOUT, 'fanout', {})
    for (const name of QUEUES) this.#declare(host, name)
  }

  #declare(host: VirtualHost, name: string): void {
    const args = this.#random.chance(0.3) ? { 'x-queue-type': 'quorum', 'x-delivery-limit': -1 } : {}
    declareQueue(host, name, { arguments: args })
    bind(host, { source: FANOUT, destination: name })
    const incarnation = { published: new Set<number>(), kept: new Set<number>(), isOver: false, isSure: false }
    this.#queues.get(name)?.push(incarnation)
  }

  #end(node: BrokerNode): void {
    for (const name of QUEUES) this.#last(name).isOver = true
    node.deleteVirtualHost(VHOST)
  }

  #renew(host: VirtualHost, name: string): void {
    const queue = host.queues.get(name)
    if (queue === undefined) return
    this.#last(name).isOver = true
    host.deleteQueue(queue)
    this.#declare(host, name)
  }

  #purge(host: VirtualHost, name: string): void {
    host.queues.get(name)?.purge()
    const { published, kept } = this.#last(name)
    kept.clear()
    // What is confirmed later was purged all the same.
    for (const id of published) this.#settled.add(`${name} ${id}`)
  }

  readonly #settled = new Set<string>()

  #take(host: VirtualHost, name: string): void {
    const queue = host.queues.get(name)
    const view = new Message()
    const place = queue?.get(view, false) ?? -1
    if (queue === undefined || place < 0) return
    const id = Number(view.body.subarray(0, 10).toString())
    view.release()
    if (this.#random.chance(0.3)) {
      queue.requeue(place)
      return
    }
    this.#last(name).kept.delete(id)
    this.#settled.add(`${name} ${id}`)
    queue.acknowledge(place)
  }

  #publish(host: VirtualHost, isDead: () => boolean): void {
    const random = this.#random
    const id = ++this.#ids
    const name = random.chance(0.4) ? undefined : pick(random, QUEUES)
    const names = name === undefined ? QUEUES : [name]
    const incarnations = names.map((each) => this.#last(each))
    for (const { published } of incarnations) published.add(id)
    const body = String(id).padStart(10, '0').padEnd(pick(random, SIZES), 'x')
    const target = name === undefined ? { exchange: FANOUT } : { routingKey: name }
    publish(host, { ...target, body, properties: { deliveryMode: 2 } }).then(
      () => {
        if (isDead()) return
        for (const [index, incarnation] of incarnations.entries()) {
          incarnation.isSure = true
          if (!this.#settled.has(`${names[index]} ${id}`)) incarnation.kept.add(id)
        }
      },
      () => undefined,
    )
  }

  #last(name: string): Incarnation {
    return (this.#queues.get(name) as Incarnation[]).at(-1) as Incarnation
  }
}
