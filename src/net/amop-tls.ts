import type { X509Certificate } from 'node:crypto'

/**
 * Groups for the key exchange. OpenSSL refuses every secp256k1 certificate of the other side unless its curve is among
 * them; go-sdk offers that and P-256, the Java SDKs what their TLS library has.
 */
export const AMOP_GROUPS = 'secp256k1:X25519:prime256v1:secp384r1'

/** What TLS may be between a node and an SDK, on either side. @param own the certificate of ours. */
export function amopTlsLimits(own: X509Certificate): {
  readonly ecdhCurve: string
  readonly minVersion: 'TLSv1.2'
  readonly maxVersion: 'TLSv1.2' | 'TLSv1.3'
} {
  // TLS 1.3 has no signatures on that curve.
  const maxVersion = isSecp256k1(own) ? 'TLSv1.2' : 'TLSv1.3'
  return { ecdhCurve: AMOP_GROUPS, minVersion: 'TLSv1.2', maxVersion }
}

function isSecp256k1({ publicKey }: X509Certificate): boolean {
  return publicKey.asymmetricKeyDetails?.namedCurve === 'secp256k1'
}
