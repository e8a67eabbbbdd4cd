import { totalmem } from 'node:os'
import test from 'ava'
import { resolveOptions } from '../../src/server/options.ts'

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
