import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { networkInterfaces } from 'node:os'
import test, { type ExecutionContext } from 'ava'
import { ListenError } from '../../src/net/index.ts'
import { until } from '../helpers/until.ts'
import { type FakeMachine, listen } from './fake-machine.ts'

function dial(t: ExecutionContext, port: number, host = '127.0.0.1'): Socket {
  const socket = connect({ port, host })
  socket.on('error', () => {})
  t.teardown(() => socket.destroy())
  return socket
}

function collect(socket: Socket): { bytes: number } {
  const seen = { bytes: 0 }
  socket.on('data', (chunk: Buffer) => {
    seen.bytes += chunk.length
  })
  return seen
}

const echo = (machine: FakeMachine): void => {
  machine.onReceive = (chunk) => machine.transport.write(Buffer.from(chunk))
}

test('what a machine writes reaches the peer, and what the peer sends reaches the machine', async (t) => {
  const { listener, machines } = await listen(t, echo)
  const socket = dial(t, listener.port)
  socket.write('hello')
  const [answer] = await once(socket, 'data')
  t.is(String(answer), 'hello')
  t.like(machines[0]?.peer, { address: '127.0.0.1', localPort: listener.port, loopback: true, tls: false })
  t.is(machines[0]?.peer.port, socket.localPort)
})

test('a small write is taken at once and leaves no backlog', async (t) => {
  let taken: boolean | undefined
  const { listener, machines } = await listen(t, (machine) => {
    machine.onReceive = () => {
      taken = machine.transport.write(Buffer.from('answer'))
    }
  })
  const socket = dial(t, listener.port)
  socket.write('x')
  await once(socket, 'data')
  t.true(taken)
  t.is(machines[0]?.transport.backlog, 0)
  t.is(machines[0]?.writableCalls, 0)
})

test('a peer that does not read leaves a backlog, and its reading makes the machine writable again', async (t) => {
  const size = 16 * 1024 * 1024
  const { listener, machines } = await listen(t)
  const socket = dial(t, listener.port)
  await until('the connection is there', () => machines.length === 1)
  const machine = machines[0] as FakeMachine
  t.false(machine.transport.write(Buffer.alloc(size)))
  t.true(machine.transport.backlog > 0)
  t.is(machine.writableCalls, 0)
  const seen = collect(socket)
  await until('all bytes have arrived', () => seen.bytes === size)
  await until('the machine is told', () => machine.writableCalls === 1)
  t.is(machine.transport.backlog, 0)
})

test('a small backlog also ends with the machine being told', async (t) => {
  const { listener, machines } = await listen(t)
  const socket = dial(t, listener.port)
  await until('the connection is there', () => machines.length === 1)
  const machine = machines[0] as FakeMachine
  const size = 4 * 1024 * 1024
  let written = 0
  while (machine.transport.write(Buffer.alloc(1000))) {
    written += 1000
    if (written > 64 * size) break
  }
  const seen = collect(socket)
  await until('all bytes have arrived', () => seen.bytes === written + 1000)
  await until('the machine is told', () => machine.writableCalls === 1)
  t.pass()
})

test('a paused connection receives nothing more, and everything in order once it goes on', async (t) => {
  const size = 8 * 1024 * 1024
  const sent = Buffer.alloc(size)
  for (let i = 0; i < size; i += 4) sent.writeUInt32BE(i, i)
  const received: Buffer[] = []
  const { listener, machines } = await listen(t, (machine) => {
    machine.onReceive = (chunk) => {
      received.push(Buffer.from(chunk))
      if (received.length === 1) machine.transport.pause()
    }
  })
  const socket = dial(t, listener.port)
  socket.write(sent)
  await until('something has been received', () => received.length > 0)
  const machine = machines[0] as FakeMachine
  for (let turn = 0; turn < 50; turn++) await new Promise(setImmediate)
  t.is(received.length, 1)
  machine.transport.resume()
  await until('all bytes have arrived', () => machine.receivedBytes === size)
  t.true(Buffer.concat(received).equals(sent))
})

test('a pause by the machine outlasts the pause of a full turn', async (t) => {
  const { listener, machines } = await listen(t, (machine) => {
    machine.onReceive = () => {
      if (machine.receivedBytes >= 256 * 1024) machine.transport.pause()
    }
  })
  const socket = dial(t, listener.port)
  socket.write(Buffer.alloc(16 * 1024 * 1024))
  await until('a full turn was received', () => (machines[0]?.receivedBytes ?? 0) >= 256 * 1024)
  const machine = machines[0] as FakeMachine
  const before = machine.receivedBytes
  for (let turn = 0; turn < 50; turn++) await new Promise(setImmediate)
  t.is(machine.receivedBytes, before)
})

test('a flood is taken in bounded parts, one a turn', async (t) => {
  const size = 64 * 1024 * 1024
  let inTurn = 0
  let most = 0
  const { listener, machines } = await listen(t, (machine) => {
    machine.onReceive = (chunk) => {
      if (inTurn === 0) {
        setImmediate(() => {
          most = Math.max(most, inTurn)
          inTurn = 0
        })
      }
      inTurn += chunk.length
    }
  })
  const socket = dial(t, listener.port)
  socket.write(Buffer.alloc(size))
  await until('all bytes have arrived', () => machines[0]?.receivedBytes === size)
  // 256 KiB, and the read that was already on its way on either side of them.
  t.true(most <= 384 * 1024, `${most} bytes in one turn`)
})

test('a machine that ends has all it wrote delivered before the socket closes', async (t) => {
  const size = 8 * 1024 * 1024
  const { listener, machines } = await listen(t, (machine) => {
    machine.onReceive = () => {
      machine.transport.write(Buffer.alloc(size))
      machine.transport.end()
    }
  })
  const socket = dial(t, listener.port)
  const seen = collect(socket)
  socket.write('x')
  await once(socket, 'close')
  t.is(seen.bytes, size)
  await until('the machine is told', () => machines[0]?.disconnectedCalls === 1)
})

test('a machine that ends while its peer still floods does not reset the connection', async (t) => {
  const { listener } = await listen(t, (machine) => {
    machine.onReceive = () => {
      machine.transport.write(Buffer.from('goodbye'))
      machine.transport.end()
    }
  })
  const socket = dial(t, listener.port)
  const errors: Error[] = []
  socket.on('error', (error) => errors.push(error))
  socket.write(Buffer.alloc(1024 * 1024))
  const [answer] = await once(socket, 'data')
  t.is(String(answer), 'goodbye')
  await once(socket, 'close')
  t.deepEqual(errors, [])
})

test('a peer that never closes its side is dropped after a bounded time', async (t) => {
  const { listener, machines } = await listen(
    t,
    (machine) => {
      machine.onReceive = () => machine.transport.end()
    },
    { lingerMs: 50 },
  )
  const socket = connect({ port: listener.port, host: '127.0.0.1', allowHalfOpen: true })
  socket.on('error', () => {})
  t.teardown(() => socket.destroy())
  socket.resume()
  socket.write('x')
  await until('the socket is dropped', () => machines[0]?.disconnectedCalls === 1)
  await until('nothing of it is left', () => listener.connectionCount === 0)
  t.pass()
})

test('a peer that sends its end and never reads its answers is dropped after a bounded time', async (t) => {
  const { listener, machines } = await listen(
    t,
    (machine) => {
      machine.onReceive = () => machine.transport.write(Buffer.alloc(32 * 1024 * 1024))
    },
    { lingerMs: 50 },
  )
  const socket = connect({ port: listener.port, host: '127.0.0.1', allowHalfOpen: true })
  socket.on('error', () => {})
  t.teardown(() => socket.destroy())
  socket.pause()
  socket.end('x')
  await until('the machine is told', () => machines[0]?.disconnectedCalls === 1)
  await until('nothing of it is left', () => listener.connectionCount === 0)
  t.is(machines[0]?.disconnectedCalls, 1)
})

test('a reset tells the machine once and harms nobody else', async (t) => {
  const { listener, machines } = await listen(t, echo)
  const first = dial(t, listener.port)
  const second = dial(t, listener.port)
  first.write('x')
  second.write('y')
  await Promise.all([once(first, 'data'), once(second, 'data')])
  const machine = machines.find(({ peer }) => peer.port === first.localPort) as FakeMachine
  first.resetAndDestroy()
  await until('the machine is told', () => machine.disconnectedCalls > 0)
  second.write('still here')
  const [answer] = await once(second, 'data')
  t.is(String(answer), 'still here')
  t.is(machine.disconnectedCalls, 1)
  t.true(machine.transport.write(Buffer.from('into nothing')))
})

test('a machine that destroys its transport is told, and the peer sees the socket close', async (t) => {
  const { listener, machines } = await listen(t, (machine) => {
    machine.onReceive = () => machine.transport.destroy()
  })
  const socket = dial(t, listener.port)
  socket.write('x')
  await once(socket, 'close')
  await until('the machine is told', () => machines[0]?.disconnectedCalls === 1)
  t.pass()
})

test('a port in use is refused in one line that says so', async (t) => {
  const { listener } = await listen(t)
  const error = await t.throwsAsync(listen(t, undefined, { port: listener.port }), { instanceOf: ListenError })
  t.is(error?.message, `cannot listen on 127.0.0.1:${listener.port}: the port is in use; is another broker running?`)
  t.is(error?.code, 'EADDRINUSE')
})

test('an address that is not this host’s is refused in one line', async (t) => {
  const error = await t.throwsAsync(listen(t, undefined, { host: '192.0.2.1', port: 5 }), { instanceOf: ListenError })
  t.is(error?.message, 'cannot listen on 192.0.2.1:5: this host has no such address')
})

test('closing the listener drops who is connected, and ends when nothing is left', async (t) => {
  const { listener, machines } = await listen(t)
  const sockets = Array.from({ length: 20 }, () => dial(t, listener.port))
  for (const socket of sockets) socket.resume()
  await until('all are there', () => machines.length === sockets.length)
  await listener.close()
  t.is(listener.connectionCount, 0)
  t.true(machines.every(({ disconnectedCalls }) => disconnectedCalls === 1))
})

test('after it has stopped accepting, those who are connected carry on', async (t) => {
  const { listener } = await listen(t, echo)
  const socket = dial(t, listener.port)
  socket.write('one')
  await once(socket, 'data')
  listener.stopAccepting()
  const late = dial(t, listener.port)
  const [error] = await once(late, 'error')
  t.is(error.code, 'ECONNREFUSED')
  socket.write('two')
  const [answer] = await once(socket, 'data')
  t.is(String(answer), 'two')
})

test('an IPv4 peer of a listener on all addresses is known by its IPv4 address', async (t) => {
  const hasIpv6 = Object.values(networkInterfaces()).some((list) => list?.some(({ family }) => family === 'IPv6'))
  if (!hasIpv6) {
    t.pass('this machine has no IPv6')
    return
  }
  const { listener, machines } = await listen(t, undefined, { host: '::' })
  dial(t, listener.port)
  await until('the connection is there', () => machines.length === 1)
  t.like(machines[0]?.peer, { address: '127.0.0.1', localAddress: '127.0.0.1', loopback: true })
})
