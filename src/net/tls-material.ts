import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'

/** PEM texts for a TLS listener. */
export interface TlsOptions {
  readonly cert: string | Buffer
  readonly key: string | Buffer
  /** When given, every client must show a certificate signed by this authority. */
  readonly ca?: string | Buffer
}

/**
 * Checks what a TLS server would take without a word, or refuse in OpenSSL's own.
 * @param what whose they are, such as `TLS` in `the TLS key`.
 * @returns the server's own certificate.
 * @throws Error with one line that an operator can act on.
 */
export function checkTlsMaterial({ cert, key, ca }: TlsOptions, what: string): X509Certificate {
  const certificate = readCertificate(cert, `the ${what} certificate`)
  if (!certificate.checkPrivateKey(readKey(key, what))) {
    throw new Error(`the ${what} key is not the key of the ${what} certificate`)
  }
  // Node ignores an authority that it cannot read, and then no client's certificate is good.
  if (ca !== undefined) readCertificate(ca, `the ${what} authority`)
  return certificate
}

function readCertificate(pem: string | Buffer, what: string): X509Certificate {
  try {
    return new X509Certificate(pem)
  } catch (error) {
    throw new Error(`${what} cannot be used: it holds no certificate in PEM form`, { cause: error })
  }
}

function readKey(pem: string | Buffer, what: string): KeyObject {
  try {
    return createPrivateKey(pem)
  } catch (error) {
    const encrypted = pem.includes('ENCRYPTED')
    const reason = encrypted ? 'it is encrypted; give one without a passphrase' : 'it holds no private key in PEM form'
    throw new Error(`the ${what} key cannot be used: ${reason}`, { cause: error })
  }
}
