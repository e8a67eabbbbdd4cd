import type { AmopCertificates } from '../../src/index.ts'
import { type CertificateSet, makeCertificates } from '../../src/server/amop/certificates.ts'
import type { KeyType } from '../../src/server/amop/options.ts'

const made = new Map<KeyType, Promise<CertificateSet>>()

/** A set of certificates, made once for all tests of a file: RSA keys take their time. */
export function certificateSet(keyType: KeyType = 'secp256k1'): Promise<CertificateSet> {
  let set = made.get(keyType)
  if (set === undefined) {
    set = makeCertificates({ keyType })
    made.set(keyType, set)
  }
  return set
}

/** What a listener is given of a set. */
export function listenerFiles({ ca, node }: CertificateSet): { ca: string; cert: string; key: string } {
  return { ca: ca.cert, cert: node.cert, key: node.key }
}

/** What an SDK is given of a set, or of another one's with this one's authority. */
export function sdkFiles({ ca }: CertificateSet, sdk: { cert: string; key: string }): AmopCertificates {
  return { ca: ca.cert, sdkCert: sdk.cert, sdkKey: sdk.key }
}
