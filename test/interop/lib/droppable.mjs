import http from 'node:http'
import net from 'node:net'

// In start-ok a client says its connection_name as a field of client-properties: a short string, 'S', a long string.
const NAME_FIELD = Buffer.from('\x0fconnection_nameS', 'latin1')
const HANDSHAKE_BYTES_MAX = 16_384

function connectionName(bytes) {
  const at = bytes.indexOf(NAME_FIELD)
  if (at < 0 || bytes.length < at + NAME_FIELD.length + 4) return undefined
  const start = at + NAME_FIELD.length + 4
  return bytes.toString('utf8', start, start + bytes.readUInt32BE(start - 4))
}

/**
 * A way to the broker whose connections can be cut on request, for clients that promise to come back.
 * The request is a DELETE on `controlUrl` (every connection) or `controlUrl/NAME` (one), shaped as in RabbitMQ's
 * management API, so that suites that drop connections through that API can be pointed here.
 */
export class Droppable {
  static async start(broker) {
    const way = new Droppable(broker)
    await new Promise((resolve) => way.proxy.listen(0, '127.0.0.1', resolve))
    await new Promise((resolve) => way.control.listen(0, 'localhost', resolve))
    way.port = way.proxy.address().port
    way.url = `amqp://guest:guest@127.0.0.1:${way.port}/%2f`
    way.controlPort = way.control.address().port
    way.controlUrl = `http://localhost:${way.controlPort}/api/connections`
    return way
  }

  constructor(broker) {
    this.broker = broker
    this.connections = new Map()
    this.nextId = 1
    this.proxy = net.createServer((client) => this.accept(client))
    this.control = http.createServer((request, response) => this.answer(request, response))
  }

  accept(client) {
    const server = net.connect(this.broker.port, this.broker.host)
    const connection = { id: `proxied-${this.nextId++}`, name: undefined, client, server }
    this.connections.set(connection.id, connection)
    client.setNoDelay(true)
    server.setNoDelay(true)
    let handshake = Buffer.alloc(0)
    const watch = (chunk) => {
      handshake = Buffer.concat([handshake, chunk])
      connection.name = connectionName(handshake)
      if (connection.name || handshake.length > HANDSHAKE_BYTES_MAX) client.off('data', watch)
    }
    client.on('data', watch)
    client.pipe(server)
    server.pipe(client)
    for (const socket of [client, server]) {
      socket.on('error', () => this.drop(connection))
      socket.on('close', () => this.drop(connection))
    }
  }

  drop(connection) {
    this.connections.delete(connection.id)
    connection.client.destroy()
    connection.server.destroy()
  }

  answer(request, response) {
    const id = decodeURIComponent(request.url.replace(/^\/api\/connections\/?/, ''))
    const chosen = [...this.connections.values()].filter((connection) => !id || connection.id === id)
    if (request.method === 'DELETE') {
      for (const connection of chosen) this.drop(connection)
      response.writeHead(204).end()
      return
    }
    const list = chosen.map(({ id: name, name: given }) => ({
      name,
      client_properties: { connection_name: given ?? '' },
    }))
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(list))
  }

  async stop() {
    for (const connection of this.connections.values()) this.drop(connection)
    this.control.closeAllConnections()
    await Promise.all([this.proxy, this.control].map((server) => new Promise((resolve) => server.close(resolve))))
  }
}
