import test from 'ava'
import { copyBytes } from '../../src/codec/index.ts'

const MEBIBYTE = 1024 * 1024

function counted(bytes: Buffer): Buffer {
  for (let i = 0; i < bytes.length; i++) bytes[i] = i * 7 + (i >> 8)
  return bytes
}

test('any number of bytes goes from any place to any place, whatever the source was before', (t) => {
  const shared = counted(Buffer.allocUnsafeSlow(4096))
  const sources = [
    counted(Buffer.allocUnsafeSlow(1024)),
    // Two views of one memory: what is known of the one must not be taken for the other's.
    shared.subarray(100, 1100),
    shared.subarray(101, 1101),
    counted(Buffer.from(shared)),
    counted(Buffer.allocUnsafeSlow(3 * MEBIBYTE)).subarray(2 * MEBIBYTE),
  ]
  for (let length = 0; length < 150; length++) {
    for (const [index, source] of sources.entries()) {
      const from = (length * 5 + index) % 800
      const target = Buffer.alloc(256)
      copyBytes(source, from, from + length, target, index)
      const expected = Buffer.alloc(256)
      source.copy(expected, index, from, from + length)
      t.deepEqual(target, expected, `${length} bytes of source ${index}`)
    }
  }
})

test('bytes that have changed since the last copy are copied as they are', (t) => {
  const source = Buffer.alloc(64, 1)
  const target = Buffer.alloc(64)
  copyBytes(source, 0, 64, target, 0)
  source.fill(2)
  copyBytes(source, 0, 64, target, 0)
  t.deepEqual(target, Buffer.alloc(64, 2))
})

test('what does not fit into the target is refused, not cut', (t) => {
  t.throws(() => copyBytes(Buffer.alloc(64), 0, 64, Buffer.alloc(63), 0), { instanceOf: RangeError })
})
