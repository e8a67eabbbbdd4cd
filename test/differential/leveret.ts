import { Connection } from '../../src/amqp/index.ts'
import { openAmqpListener } from '../../src/net/index.ts'
import { BrokerNode } from '../../src/server/node.ts'
import { resolveOptions } from '../../src/server/options.ts'
import { PERMISSIONS, TAGS, TOPIC_PERMISSION, VHOSTS } from './users.ts'

/** A Leveret in this process, on a free port. */
export interface Leveret {
  readonly port: number
  stop(): Promise<void>
}

/** Starts a broker in memory with the users of the sessions, which the embedding API cannot restrict yet. */
export async function startLeveret(): Promise<Leveret> {
  const options = resolveOptions({})
  const node = await BrokerNode.open(options)
  for (const name of VHOSTS) node.addVirtualHost(name)
  for (const [name, patterns] of Object.entries(PERMISSIONS)) {
    if (name !== 'guest') node.users.add(name, name, (TAGS[name] ?? '').split(',').filter(Boolean))
    if (patterns) node.users.setPermissions(name, '/', patterns)
  }
  node.users.setTopicPermissions(TOPIC_PERMISSION.user, '/', TOPIC_PERMISSION.exchange, TOPIC_PERMISSION)
  const { host, handshakeTimeoutMs, log } = options
  const { clock, timers } = node.context
  const listener = await openAmqpListener({
    host,
    port: 0,
    clock,
    timers,
    log,
    handshakeTimeoutMs,
    create: (peer, transport) => new Connection(node.amqp, peer, transport),
  })
  const stop = async () => {
    await listener.close()
    await node.close()
  }
  return { port: listener.port, stop }
}
