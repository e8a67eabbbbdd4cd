import { Random } from '../store/random.ts'

/*
 * A body: uint32 uid | uint32 size | uint32 offset | uint32 uid + size + offset | bytes of the pool from that offset
 */
const HEAD_BYTES = 16
const POOL_BYTES = 4 * 1024 * 1024

/** The least a body can have. */
export const BODY_BYTES_MIN = HEAD_BYTES

let pool: Buffer | undefined

function filling(): Buffer {
  if (pool === undefined) {
    const random = new Random(1)
    const unit = Buffer.alloc(64 * 1024)
    for (let at = 0; at < unit.length; at += 4) unit.writeUInt32BE(random.below(2 ** 32), at)
    pool = Buffer.alloc(POOL_BYTES)
    // Each stretch differs from the others, so that bytes of another message do not pass.
    for (let at = 0; at < POOL_BYTES; at += unit.length) {
      unit.copy(pool, at)
      for (let mark = at; mark < at + unit.length; mark += 64) pool.writeUInt32BE(mark, mark)
    }
  }
  return pool
}

/** A body that says whose it is, so that each byte of it can be checked. Up to 3 MiB. */
export function makeBody(uid: number, size: number): Buffer {
  const offset = (uid * 61) % (1024 * 1024)
  const body = Buffer.allocUnsafe(size)
  body.writeUInt32BE(uid, 0)
  body.writeUInt32BE(size, 4)
  body.writeUInt32BE(offset, 8)
  body.writeUInt32BE((uid + size + offset) >>> 0, 12)
  filling().copy(body, HEAD_BYTES, offset, offset + size - HEAD_BYTES)
  return body
}

/** Whose body it is. @throws Error when a byte is not as it was published. */
export function readBody(body: Buffer): number {
  if (body.length < HEAD_BYTES) throw new Error(`a body of ${body.length} bytes, which nobody published`)
  const uid = body.readUInt32BE(0)
  const size = body.readUInt32BE(4)
  const offset = body.readUInt32BE(8)
  const good =
    body.readUInt32BE(12) === (uid + size + offset) >>> 0 &&
    size === body.length &&
    filling().compare(body, HEAD_BYTES, size, offset, offset + size - HEAD_BYTES) === 0
  if (!good) throw new Error(`the body of message ${uid} is not as it was published`)
  return uid
}
