import test from 'ava'
import { Clock } from '../../src/base/index.ts'
import { AddressLimits } from '../../src/net/address-limits.ts'
import { makeCertificates } from '../../src/server/amop/certificates.ts'
import { certificateSet, sdkFiles } from '../helpers/amop-certificates.ts'
import { RecordingLogger } from '../helpers/recording-logger.ts'
import { dialTls, sdkOptions } from '../helpers/sdk.ts'
import { until } from '../helpers/until.ts'
import { listenAmop } from './amop-node.ts'

function limitsAt(start: number, options: { connectionsMax?: number; reconnectRate?: number }) {
  const time = { now: start }
  const clock = new Clock(() => time.now)
  const log = new RecordingLogger()
  const { connectionsMax = 0, reconnectRate = 0 } = options
  const limits = new AddressLimits({ clock, log, connectionsMax, reconnectRate })
  return {
    limits,
    log,
    pass: (ms: number) => {
      time.now += ms
      clock.refresh()
    },
    /** Connects, and leaves again at once. @returns whether it was let in. */
    visit: (address: string, clientType = '') => {
      if (!limits.admit(address)) return false
      limits.named(address, clientType)
      limits.wasted(address, clock.now)
      limits.left(address, clock.now)
      return true
    },
    /** Connects, does something, and leaves. @returns whether it was let in. */
    call: (address: string) => {
      if (!limits.admit(address)) return false
      limits.left(address, clock.now)
      return true
    },
  }
}

test('an address that connects and leaves 70 times a second gets a warning, one, and is held to the rate', (t) => {
  const { visit, log, pass } = limitsAt(1_000_000, { reconnectRate: 10 })
  let admitted = 0
  for (let attempt = 0; attempt < 700; attempt++) {
    if (visit('10.0.0.7', 'Go-SDK')) admitted++
    pass(1000 / 70)
  }
  // Ten seconds: what is allowed at once, and ten a second.
  t.true(admitted >= 140 && admitted <= 160, `${admitted} admitted`)
  t.is(log.lines.length, 1)
  t.like(log.lines[0], { level: 'warn' })
  t.like(log.lines[0]?.fields, { peer: '10.0.0.7', clientType: 'Go-SDK' })
})

test('once a storm is over the address is let in again, and the next storm has a line of its own', (t) => {
  const { visit, log, pass } = limitsAt(1_000_000, { reconnectRate: 10 })
  for (let attempt = 0; attempt < 100; attempt++) visit('10.0.0.7')
  t.false(visit('10.0.0.7'))
  t.true(visit('10.0.0.8'), 'somebody else is not concerned')
  pass(5000)
  t.true(visit('10.0.0.7'))
  for (let attempt = 0; attempt < 100; attempt++) visit('10.0.0.7')
  t.is(log.lines.length, 2)
})

test('connections that do something, or never say who they are, may be ten times as many', (t) => {
  const { call, visit, log, pass } = limitsAt(1_000_000, { reconnectRate: 10 })
  for (let attempt = 0; attempt < 450; attempt++) t.true(call('10.0.0.7'))
  for (let attempt = 0; attempt < 1000; attempt++) {
    pass(10)
    t.true(call('10.0.0.7'))
  }
  t.true(visit('10.0.0.7'))
  t.is(log.lines.length, 0)
  for (let attempt = 0; attempt < 100; attempt++) call('10.0.0.7')
  t.false(call('10.0.0.7'))
  t.is(log.lines.length, 1)
})

test('connections that last may be as many and as fast as they like', (t) => {
  const { limits, log, pass } = limitsAt(1_000_000, { reconnectRate: 1 })
  for (let connection = 0; connection < 1000; connection++) t.true(limits.admit('10.0.0.7'))
  pass(6000)
  for (let connection = 0; connection < 1000; connection++) limits.left('10.0.0.7', 1_000_000)
  t.true(limits.admit('10.0.0.7'))
  t.is(log.lines.length, 0)
})

test('an address may have so many connections, and one more when one of them has gone', (t) => {
  const { limits, log } = limitsAt(1_000_000, { connectionsMax: 3 })
  for (let connection = 0; connection < 3; connection++) t.true(limits.admit('10.0.0.7'))
  for (let attempt = 0; attempt < 5; attempt++) t.false(limits.admit('10.0.0.7'))
  t.true(limits.admit('10.0.0.8'))
  t.is(log.lines.length, 1)
  t.like(log.lines[0]?.fields, { peer: '10.0.0.7', connections: 3 })
  limits.left('10.0.0.7', 0)
  t.true(limits.admit('10.0.0.7'))
})

test('limits of 0 are none', (t) => {
  const { limits, visit, log } = limitsAt(1_000_000, {})
  for (let connection = 0; connection < 10_000; connection++) t.true(limits.admit('10.0.0.7'))
  for (let attempt = 0; attempt < 1000; attempt++) t.true(visit('10.0.0.8'))
  t.is(log.lines.length, 0)
})

test('what is remembered of addresses is bounded, however many come', (t) => {
  const { limits, visit } = limitsAt(1_000_000, { reconnectRate: 10 })
  t.true(limits.admit('10.0.0.7'))
  for (let address = 0; address < 50_000; address++) visit(`2001:db8::${address.toString(16)}`)
  t.true(limits.size <= 10_001, `${limits.size} addresses`)
  // Whoever is connected is not forgotten.
  limits.left('10.0.0.7', 0)
  t.true(limits.admit('10.0.0.7'))
})

test('sockets are turned away by these limits, with one line that names the program', async (t) => {
  const log = new RecordingLogger()
  const { listener, sessions } = await listenAmop(t, { log, reconnectRate: 1 })
  const set = await certificateSet()
  const options = { ...sdkOptions(sdkFiles(set, set.sdk)), port: listener.port }
  for (let visit = 0; visit < 25; visit++) {
    const socket = dialTls(t, options)
    socket.once('secureConnect', () => socket.end())
    await new Promise((resolve) => socket.once('close', resolve))
    await until('the listener has seen it go', () => listener.connectionCount === 0)
  }
  t.true(sessions.length >= 5 && sessions.length < 20, `${sessions.length} of 25 let in`)
  const lines = log.lines.filter(({ level }) => level === 'warn')
  t.is(lines.length, 1, JSON.stringify(lines))
  t.like(lines[0]?.fields, { peer: '127.0.0.1', clientType: 'Fake-SDK' })
})

test('who comes back again and again with a certificate that is refused is turned away, and fills no log', async (t) => {
  const log = new RecordingLogger()
  const { listener } = await listenAmop(t, { log, reconnectRate: 1 })
  const set = await certificateSet()
  const foreign = await makeCertificates({ keyType: 'secp256k1', agency: 'foreigners' })
  const options = { ...sdkOptions(sdkFiles(set, foreign.sdk)), port: listener.port }
  for (let visit = 0; visit < 25; visit++) {
    const socket = dialTls(t, options)
    await new Promise((resolve) => socket.once('close', resolve))
    await until('the listener has seen it go', () => listener.connectionCount === 0)
  }
  const refused = log.lines.filter(({ message }) => message.includes('a client is refused'))
  t.true(refused.length >= 5 && refused.length < 20, `${refused.length} of 25 looked at`)
  t.is(log.lines.filter(({ message }) => message.includes('again and again')).length, 1)
})

test('an address with as many connections as it may have is turned away on all ports', async (t) => {
  const log = new RecordingLogger()
  const limits = new AddressLimits({ clock: new Clock(), log, connectionsMax: 2, reconnectRate: 0 })
  const nodes = [await listenAmop(t, { log, limits }), await listenAmop(t, { log, limits })] as const
  const [one, other] = nodes
  const set = await certificateSet()
  const dial = (port: number) => dialTls(t, { ...sdkOptions(sdkFiles(set, set.sdk)), port })
  const first = dial(one.listener.port)
  dial(other.listener.port)
  await until('two are in', () => one.sessions.length + other.sessions.length === 2)
  for (const { listener } of nodes) {
    const third = dial(listener.port)
    await new Promise((resolve) => third.once('close', resolve))
  }
  t.is(one.sessions.length + other.sessions.length, 2)
  first.end()
  await until('one is gone', () => one.listener.connectionCount === 0)
  dial(other.listener.port)
  await until('another one is in', () => other.sessions.length === 2)
  t.is(log.lines.filter(({ level }) => level === 'warn').length, 1)
})
