import { OfflineDelivery } from '../../src/amop/deliver/offline-delivery.ts'
import { AmopContext, type AmopOptions, type AmopSettings } from '../../src/amop/index.ts'
import type { Clock } from '../../src/base/index.ts'
import type { Queue } from '../../src/broker/index.ts'
import { fromObject, type Properties } from '../../src/codec/index.ts'
import { openClient, publish, type TestClient, TestNode, type TestNodeOptions } from '../amqp/harness.ts'
import { CarriedSdk, type CarryingHost, type Received } from './harness.ts'

export interface OfflineBenchOptions extends TestNodeOptions {
  readonly settings?: Partial<AmopSettings>
  readonly permissions?: AmopOptions['permissions']
  readonly random?: () => number
}

/** A broker whose queues may be delivered to topics: AMQP on one side, SDKs on the other, time in the test's hand. */
export class OfflineBench implements CarryingHost {
  readonly node: TestNode
  readonly context: AmopContext
  readonly delivery: OfflineDelivery
  #client: TestClient | undefined
  #port = 40000

  /** @param node one whose delivery is not wired. */
  constructor({ settings, permissions, random, ...options }: OfflineBenchOptions = {}, node = new TestNode(options)) {
    this.node = node
    const { clock, timers, log } = node
    this.context = new AmopContext({
      clock,
      timers,
      log,
      settings: { idleTimeoutMs: 1e12, ...settings },
      ...(permissions && { permissions }),
      ...(random && { random }),
    })
    this.delivery = new OfflineDelivery(this.context, node.virtualHosts, { vhost: '/' })
    this.delivery.start()
  }

  /** A connection with channel 1. */
  get client(): TestClient {
    this.#client ??= openClient(this.node)
    return this.#client
  }

  get clock(): Clock {
    return this.node.clock
  }

  declare(queue: string, args: Record<string, unknown>, durable = args['x-queue-type'] === 'quorum'): Queue {
    this.client.declareQueue(1, queue, { durable, arguments: fromObject(args) })
    return this.queue(queue)
  }

  queue(name: string): Queue {
    return this.node.vhost.queue(name, this.client.connection)
  }

  publish(routingKey: string, body: Buffer | string, properties: Properties = { deliveryMode: 2 }): void {
    this.client.send(publish(1, { routingKey, body, properties }))
  }

  /** Publishes `1` to `count`. */
  publishNumbers(routingKey: string, count: number): string[] {
    const numbers = Array.from({ length: count }, (_, index) => String(index + 1))
    for (const number of numbers) this.publish(routingKey, number)
    return numbers
  }

  /** An SDK that has not subscribed to anything. */
  connect(): OfflineSdk {
    return new OfflineSdk(this, { address: '127.0.0.1', port: ++this.#port, certificate: undefined })
  }

  subscriber(...topics: string[]): OfflineSdk {
    return this.connect().subscribe(...topics)
  }

  /** Lines about one step of a message. */
  steps(text: string): number {
    return this.node.log.lines.filter(({ message }) => message.includes(text)).length
  }

  get internalErrors(): string[] {
    return this.node.internalErrors
  }
}

/** An SDK that is told in the texts of its messages. */
export class OfflineSdk extends CarriedSdk {
  /** Takes all that has come, which are messages. @returns their texts. */
  takeTexts(): string[] {
    return this.takeAll().map(({ text }) => text)
  }

  /** Answers whatever comes until nothing more does. @returns the texts, in their order. */
  serve(handle: (message: Received) => { result?: number } | undefined = () => undefined): string[] {
    const texts: string[] = []
    for (;;) {
      const packet = this.takeAll()
      if (packet.length === 0) return texts
      for (const message of packet) {
        texts.push(message.text)
        this.answer(message, '', handle(message)?.result ?? 0)
      }
    }
  }
}
