import { createPrivateKey, createPublicKey, generateKeyPairSync, type JsonWebKey, KeyObject } from 'node:crypto'

/** A key of a private topic: PEM (PKCS#8, SEC 1 or SPKI), hex digits as the SDKs write them, or Node's own. */
export type AmopKey = string | Buffer | KeyObject

/** Both as PEM, as go-sdk and java-sdk read them from files. */
export interface AmopKeyPair {
  /** PKCS#8. */
  readonly privateKey: string
  /** SPKI. */
  readonly publicKey: string
}

const PRIVATE_BYTES = 32
const PUBLIC_BYTES = 64

/** Makes a key pair for a private topic, on curve secp256k1. */
export function generateKeyPair(): AmopKeyPair {
  return generateKeyPairSync('ec', {
    namedCurve: 'secp256k1',
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  })
}

/**
 * @param key PEM, a KeyObject, or 64 hex digits with or without `0x`.
 * @returns 32 bytes.
 * @throws TypeError when it is no private key on secp256k1.
 */
export function privateKeyBytes(key: AmopKey): Buffer {
  const hex = hexOf(key)
  if (hex?.length === PRIVATE_BYTES) return hex
  const { d } = jwkOf(key, 'private', (pem) => createPrivateKey(pem))
  if (d === undefined) throw new TypeError('a private key is needed here, and this is a public one')
  return padded(d, PRIVATE_BYTES)
}

/**
 * @param key PEM, a KeyObject, or 128 hex digits, of which `0x` and the leading 04 may be there or not. A private key
 *   stands for its public one.
 * @returns 128 hex digits.
 * @throws TypeError when it is no key on secp256k1.
 */
export function publicKeyHex(key: AmopKey): string {
  const hex = hexOf(key)
  if (hex?.length === PUBLIC_BYTES) return hex.toString('hex')
  if (hex?.length === PUBLIC_BYTES + 1 && hex[0] === 4) return hex.toString('hex', 1)
  const { x = '', y = '' } = jwkOf(key, 'public', (pem) => createPublicKey(pem))
  return Buffer.concat([padded(x, PUBLIC_BYTES / 2), padded(y, PUBLIC_BYTES / 2)]).toString('hex')
}

function hexOf(key: AmopKey): Buffer | undefined {
  if (typeof key !== 'string') return undefined
  const match = /^\s*(?:0x)?((?:[0-9a-fA-F]{2})+)\s*$/.exec(key)
  return match === null ? undefined : Buffer.from(match[1] as string, 'hex')
}

function jwkOf(key: AmopKey, what: 'private' | 'public', read: (pem: string | Buffer) => KeyObject): JsonWebKey {
  let object: KeyObject
  try {
    object = key instanceof KeyObject ? key : read(key)
  } catch (error) {
    throw new TypeError(`this is no ${what} key in PEM form, nor one in hex digits`, { cause: error })
  }
  const curve = object.asymmetricKeyDetails?.namedCurve
  if (curve !== 'secp256k1') {
    const found = curve ?? object.asymmetricKeyType ?? object.type
    throw new TypeError(`a key of a private topic is on curve secp256k1, this one is ${found}`)
  }
  return object.export({ format: 'jwk' })
}

/** A leading zero may be missing. */
function padded(base64url: string, bytes: number): Buffer {
  const number = Buffer.from(base64url, 'base64url')
  return Buffer.concat([Buffer.alloc(Math.max(0, bytes - number.length)), number])
}
