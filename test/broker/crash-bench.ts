import type { Exchange, PublishResult, Queue } from '../../src/broker/index.ts'
import { Message } from '../../src/broker/index.ts'
import { writeDefinitions } from '../../src/broker/storage/definition-snapshot.ts'
import { encodeProperties, fromObject, type Properties, Table } from '../../src/codec/index.ts'
import { TestNode } from '../amqp/node.ts'
import { RecordingJournal } from '../helpers/recording-journal.ts'
import { type RestartedNode, restart } from '../helpers/restart.ts'

/** A node that can be killed at any moment: its journal is kept. With short words for what these tests do often. */
export class CrashBench {
  readonly journal: RecordingJournal
  readonly node: TestNode

  constructor(restarted?: RestartedNode) {
    this.journal = restarted?.journal ?? new RecordingJournal()
    this.node = restarted?.node ?? new TestNode({ journal: this.journal })
  }

  queue(name: string, args: Record<string, unknown> = {}, durable = true): Queue {
    const declaration = { name, serverNamed: false, durable, exclusive: false, autoDelete: false }
    return this.node.vhost.declareQueue({ ...declaration, arguments: fromObject(args) }, undefined)
  }

  exchange(name: string, type: string, args: Record<string, unknown> = {}, durable = true): Exchange {
    const declaration = { name, type, durable, autoDelete: false, internal: false, arguments: fromObject(args) }
    return this.node.vhost.declareExchange(declaration)
  }

  bind(exchange: string, queue: string, routingKey = ''): void {
    const { vhost } = this.node
    vhost.bind(vhost.exchange(exchange), vhost.queue(queue, undefined), routingKey, new Table())
  }

  publish(exchange: string, routingKey: string, body: string, properties: Properties = {}): PublishResult {
    const { vhost, turn } = this.node
    turn.schedule()
    const encoded = encodeProperties({ deliveryMode: 2, ...properties })
    const message = Message.of(exchange, routingKey, encoded, Buffer.from(body))
    const route = vhost.findRoute(message.buffer, message.exchangeAt, message.exchangeAt + message.addressLength)
    if (route === undefined) throw new Error(`no exchange ${exchange}`)
    return vhost.publish(route, message)
  }

  /** What a checkpoint writes, messages excepted; with `ended` what lies before is removed. */
  checkpoint(ended: boolean): void {
    const before = this.journal.records.length
    writeDefinitions(this.node.virtualHosts, (record, type) => this.journal.append(record, type))
    if (ended) this.journal.records = this.journal.records.slice(before)
  }

  /** Kills the broker and starts it again, with so many of its records; default with all. */
  crash(records = this.journal.records.length): CrashBench {
    const kept = this.journal.records.slice(0, records)
    const restarted = restart(kept, this.node.clock.now)
    // It goes on in the same journal.
    restarted.journal.records.unshift(...kept)
    return new CrashBench(restarted)
  }
}
