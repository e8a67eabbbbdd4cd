import { randomBytes } from 'node:crypto'
import { secp256k1 } from '@noble/curves/secp256k1.js'
import { keccak_256 } from '@noble/hashes/sha3.js'
import { AmopError, HANDLER_FAILED } from './amop-error.ts'

// A signature on the wire, as go-sdk and java-sdk send it:
//
//   0         32        64   65
//   +---------+---------+----+
//   | r       | s       | v  |
//   +---------+---------+----+
//
// ECDSA on secp256k1 over the Keccak-256 of the challenge. v is 0 or 1; 27 and 28 are taken for the same. Node has the
// curve, but neither signs a digest that it has not made nor knows Keccak-256 and v.

export const SIGNATURE_BYTES = 65
const V_AT = 64
const V_OFFSET = 27

/**
 * Bytes of a challenge at most; go-sdk's has 17, java-sdk's 32. Whoever knows a subscriber's challenge topic may have it
 * sign, so what is signed must be too short for a transaction of a chain on which the key is somebody's account.
 */
export const CHALLENGE_BYTES_MAX = 64

/** 32 hex digits, as java-sdk makes them. */
export function newChallenge(): Buffer {
  return Buffer.from(randomBytes(16).toString('hex'))
}

/**
 * @param privateKey 32 bytes.
 * @throws AmopError for a challenge that is too long.
 */
export function signChallenge(challenge: Uint8Array, privateKey: Uint8Array): Buffer {
  if (challenge.length > CHALLENGE_BYTES_MAX) {
    throw new AmopError(HANDLER_FAILED, `a challenge has at most ${CHALLENGE_BYTES_MAX} bytes`)
  }
  const signature = secp256k1.sign(keccak_256(challenge), privateKey, { prehash: false, format: 'recovered' })
  // The library puts v first.
  return Buffer.concat([signature.subarray(1), signature.subarray(0, 1)])
}

/**
 * @returns the public key that has signed, 128 hex digits; undefined when it is no signature.
 */
export function signerOf(challenge: Uint8Array, signature: Uint8Array): string | undefined {
  const v = vOf(signature)
  if (v === undefined) return undefined
  const recoverable = Buffer.concat([Buffer.of(v), signature.subarray(0, V_AT)])
  try {
    const key = secp256k1.recoverPublicKey(recoverable, keccak_256(challenge), { prehash: false })
    return Buffer.from(secp256k1.Point.fromBytes(key).toBytes(false)).toString('hex', 1)
  } catch {
    // r or s out of range, or no point of the curve.
    return undefined
  }
}

function vOf(signature: Uint8Array): number | undefined {
  if (signature.length !== SIGNATURE_BYTES) return undefined
  const v = signature[V_AT] as number
  const plain = v >= V_OFFSET ? v - V_OFFSET : v
  return plain <= 1 ? plain : undefined
}
