import { totalmem } from 'node:os'
import test from 'ava'
import { OptionError } from '../../src/server/option-error.ts'
import { type BrokerOptions, resolveOptions } from '../../src/server/options.ts'

const MIB = 1024 * 1024

test('the watermark of the memory is a share of it up to 1, and a number of bytes above', (t) => {
  const half = resolveOptions({ memoryHighWatermark: 0.5 }).memoryHighWatermark
  t.true(half > 0 && half <= totalmem() / 2)
  t.is(resolveOptions({ memoryHighWatermark: 300 * MIB }).memoryHighWatermark, 300 * MIB)
})

test('messages go to disk before publishers are blocked: what stays in memory is half of the watermark at most', (t) => {
  const kept = (messageMemory: number, memoryHighWatermark: number): number =>
    resolveOptions({ messageMemory, memoryHighWatermark }).messageMemory
  t.is(kept(32 * MIB, 300 * MIB), 32 * MIB)
  t.is(kept(32 * MIB, 20 * MIB), 10 * MIB)
})

test('two ports with one number on one address are refused before anything is opened', (t) => {
  const refused = (options: BrokerOptions): string | undefined =>
    t.throws(() => resolveOptions(options), { instanceOf: OptionError })?.message
  const tls = { cert: '', key: '', port: 5671 }
  t.is(refused({ port: 5671, tls }), 'tls.port: 5671 is not a port of its own: port has it, too')
  t.is(refused({ tls, amop: { ports: [1, 5671] } }), 'amop.ports: 5671 is not a port of its own: tls.port has it, too')
  t.is(refused({ amop: { ports: [1, 2, 1] } }), 'amop.ports: 1 is not a port of its own: it is there twice')
  t.is(
    refused({ port: 1, host: '0.0.0.0', amop: { ports: [1], host: '127.0.0.1' } }),
    'amop.ports: 1 is not a port of its own: port has it, too',
  )
  t.is(
    refused({ port: 1, host: '127.0.0.1', amop: { ports: [1], host: '::' } }),
    'amop.ports: 1 is not a port of its own: port has it, too',
  )
})

test('free ports, and one number on two addresses, are taken', (t) => {
  t.notThrows(() => resolveOptions({ amop: { ports: [0, 0] } }))
  t.notThrows(() => resolveOptions({ port: 1, host: '127.0.0.1', amop: { ports: [1], host: '127.0.0.2' } }))
  t.notThrows(() => resolveOptions({ port: 1, host: '0.0.0.0', amop: { ports: [1], host: '::1' } }))
})
