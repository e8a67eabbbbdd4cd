import { once } from 'node:events'
import { type AddressInfo, createConnection, createServer, type Server, type Socket } from 'node:net'
import test, { type ExecutionContext } from 'ava'
import { SharedRead } from '../../src/net/shared-read.ts'

interface Listening {
  readonly server: Server
  readonly sockets: Socket[]
  readonly reads: { readonly socket: unknown; readonly memory: unknown; readonly text: string }[]
}

/** Listens until the test ends; every accepted socket reads by one SharedRead. */
async function listen(t: ExecutionContext): Promise<Listening> {
  const listening: Listening = { server: createServer({ pauseOnConnect: true }), sockets: [], reads: [] }
  const { server, sockets, reads } = listening
  const shared = new SharedRead(function (bytes) {
    reads.push({ socket: this, memory: bytes.buffer, text: bytes.toString() })
    server.emit('read')
  })
  server.on('connection', (accepted) => {
    const socket = shared.take(accepted)
    if (socket === undefined) throw new Error('this version of Node does not let a socket read into a given buffer')
    sockets.push(socket)
    socket.resume()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return listening
}

function connect({ server }: Listening): Socket {
  return createConnection((server.address() as AddressInfo).port, '127.0.0.1')
}

test('sockets that are accepted read into one and the same memory', async (t) => {
  const listening = await listen(t)
  const { server, reads, sockets } = listening
  for (const text of ['one', 'two']) {
    const client = connect(listening)
    t.teardown(() => client.destroy())
    client.write(text)
    await once(server, 'read')
  }
  t.deepEqual(
    reads.map(({ text }) => text),
    ['one', 'two'],
  )
  t.is(reads[0]?.memory, reads[1]?.memory)
  t.deepEqual(
    reads.map(({ socket }) => socket),
    sockets,
  )
})

test('what is written goes out, and nothing is read while the socket is paused', async (t) => {
  const listening = await listen(t)
  const { server, reads, sockets } = listening
  const client = connect(listening)
  t.teardown(() => client.destroy())
  client.write('first')
  await once(server, 'read')
  const socket = sockets[0] as Socket
  socket.pause()
  client.write('second')
  socket.write('answer')
  const [answer] = await once(client, 'data')
  t.is(String(answer), 'answer')
  t.deepEqual(
    reads.map(({ text }) => text),
    ['first'],
  )
  socket.resume()
  await once(server, 'read')
  t.is(reads[1]?.text, 'second')
})

test('the end of the peer is heard, and the server can close', async (t) => {
  const listening = await listen(t)
  const { server, sockets } = listening
  const client = connect(listening)
  client.end('last words')
  await once(server, 'read')
  await once(sockets[0] as Socket, 'close')
  server.close()
  await once(server, 'close')
  t.pass()
})
