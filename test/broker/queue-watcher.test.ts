import test from 'ava'
import { AmqpError, type Queue, type QueueWatcher } from '../../src/broker/index.ts'
import {
  encodeQueueDeclare,
  encodeQueueDelete,
  fromObject,
  QUEUE_DELETE_OK,
  type Table,
  textOf,
} from '../../src/codec/index.ts'
import { declareQueue } from '../../src/server/declaring.ts'
import { openNode } from '../amqp/harness.ts'
import { TestNode } from '../amqp/node.ts'
import { RecordingJournal } from '../helpers/recording-journal.ts'
import { restart } from '../helpers/restart.ts'

/** Writes down what it is told; refuses queues with an argument `x-refuse`. */
class Recorder implements QueueWatcher {
  readonly told: string[] = []

  declaring(user: string | undefined, name: string, vhost: string, args: Table): void {
    this.told.push(`declaring ${vhost} ${name} by ${user}`)
    const reason = textOf(args.get('x-refuse'))
    if (reason !== undefined) throw new AmqpError(403, `ACCESS_REFUSED - ${reason}`)
  }

  declared({ name, host }: Queue): void {
    this.told.push(`declared ${host.name} ${name}`)
  }

  deleted({ name, host, deleted }: Queue): void {
    this.told.push(`deleted ${host.name} ${name}${deleted ? '' : ' too early'}`)
  }
}

test('a watcher is told of queues that come and go, and who declares them', (t) => {
  const { node, client } = openNode()
  const watcher = new Recorder()
  node.virtualHosts.watchQueues(watcher)
  client.declareQueue(1, 'q')
  client.declareQueue(1, 'q')
  declareQueue(node.vhost, 'p', {})
  client.send(encodeQueueDelete(1, { queue: 'q' }))
  client.expect(QUEUE_DELETE_OK)
  client.declareQueue(1, 'mine', { exclusive: true })
  client.disconnect()
  t.deepEqual(watcher.told, [
    'declaring / q by guest',
    'declared / q',
    'declaring / p by undefined',
    'declared / p',
    'deleted / q',
    'declaring / mine by guest',
    'declared / mine',
    'deleted / mine',
  ])
  node.virtualHosts.unwatchQueues(watcher)
  declareQueue(node.vhost, 'r', {})
  t.is(watcher.told.length, 8)
})

test('a watcher may refuse a queue, and then there is none', (t) => {
  const { node, client } = openNode()
  node.virtualHosts.watchQueues(new Recorder())
  client.send(encodeQueueDeclare(1, { queue: 'q', durable: true, arguments: fromObject({ 'x-refuse': 'not today' }) }))
  t.is(client.expectChannelClose(1), '403 ACCESS_REFUSED - not today (50,10)')
  t.false(node.vhost.queues.has('q'))
})

test('a watcher that comes later is told of the queues that are there', (t) => {
  const node = new TestNode()
  node.virtualHosts.add('other')
  for (const vhost of node.virtualHosts.all()) declareQueue(vhost, 'q', {})
  const watcher = new Recorder()
  node.virtualHosts.watchQueues(watcher)
  t.deepEqual(watcher.told, ['declared / q', 'declared other q'])
  node.virtualHosts.delete('other')
  t.deepEqual(watcher.told.slice(2), ['deleted other q'])
})

test('queues that come back after a restart are told of and cannot be refused', (t) => {
  const journal = new RecordingJournal()
  const node = new TestNode({ journal })
  declareQueue(node.vhost, 'q', { arguments: { 'x-refuse': 'not any more' } })
  const watcher = new Recorder()
  const again = restart(journal.records, undefined, (next) => next.virtualHosts.watchQueues(watcher))
  t.true(again.node.vhost.queues.has('q'))
  t.deepEqual(watcher.told, ['declared / q'])
})
