import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'

/** Bytes of salt in front of the digest, as in RabbitMQ's exported definitions. */
const SALT_BYTES = 4
const DIGEST_BYTES = 32

/**
 * Hashes a password the way RabbitMQ keeps and exports it (`rabbit_password_hashing_sha256`).
 *
 *     base64( salt: 4 random bytes | SHA-256( salt | password as UTF-8 ): 32 bytes )
 */
export function hashPassword(password: string, salt: Buffer = randomBytes(SALT_BYTES)): string {
  return Buffer.concat([salt, digest(salt, password)]).toString('base64')
}

/** Compares in a time that does not tell how much of the password was right. False for a hash of another form. */
export function verifyPassword(password: string, hash: string): boolean {
  const bytes = Buffer.from(hash, 'base64')
  if (bytes.length !== SALT_BYTES + DIGEST_BYTES) return false
  const salt = bytes.subarray(0, SALT_BYTES)
  return timingSafeEqual(digest(salt, password), bytes.subarray(SALT_BYTES))
}

function digest(salt: Buffer, password: string): Buffer {
  return createHash('sha256').update(salt).update(password, 'utf8').digest()
}
