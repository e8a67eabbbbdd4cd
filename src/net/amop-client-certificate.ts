import { createHash, type KeyObject } from 'node:crypto'
import type { TLSSocket } from 'node:tls'
import { type Certificate, inOneLine } from '../amop/index.ts'

/** Why a client's certificate is not taken, in words that an operator can act on. */
export interface Refusal {
  readonly reason: string
  readonly subject: string | undefined
  readonly issuer: string | undefined
}

/** OpenSSL's codes, as Node names them. */
const REASONS: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'its certificate has expired',
  CERT_NOT_YET_VALID: 'its certificate is not valid yet; is its clock, or ours, wrong?',
  CERT_SIGNATURE_FAILURE: 'the signature of its certificate is wrong',
  CERT_REVOKED: 'its certificate has been revoked',
  INVALID_PURPOSE: "its certificate, or its agency's, is not made for that",
  CERT_CHAIN_TOO_LONG: 'too many certificates are between its own and the authority',
}
const FOREIGN = 'its certificate is not under our authority (ca.crt)'

/**
 * Who a client is by its certificate, once the handshake is done; no certificate has been refused until here, so that
 * there is somebody to name.
 *
 * Only the X509 object is looked at: on a secp256k1 certificate `getPeerCertificate` ends the process in Node 24.21 and 26.10.
 * @param issuer the only one whose certificates are taken; undefined takes all that are under the authority.
 */
export function checkClient(socket: TLSSocket, issuer: string | undefined): Certificate | Refusal {
  const x509 = socket.getPeerX509Certificate()
  // Asked first: for a resumed TLS 1.3 session without a certificate Node says `authorized`.
  if (x509 === undefined) {
    return { reason: 'it shows no certificate, or none of the kind of ours', subject: undefined, issuer: undefined }
  }
  const refused = (reason: string): Refusal => ({
    reason,
    subject: x509.subject && inOneLine(x509.subject),
    issuer: x509.issuer && inOneLine(x509.issuer),
  })
  if (!socket.authorized) {
    const code = String(socket.authorizationError)
    return refused(REASONS[code] ?? `${FOREIGN}: ${code}`)
  }
  if (issuer !== undefined && x509.issuer !== issuer) {
    return refused(`its certificate is of another agency than ours, ${inOneLine(issuer)}`)
  }
  try {
    return { subject: x509.subject ?? '', issuer: x509.issuer ?? '', publicKey: publicKeyText(x509.publicKey) }
  } catch (error) {
    return refused(`its public key cannot be read: ${(error as Error).message}`)
  }
}

/** @see Certificate.publicKey */
export function publicKeyText(key: KeyObject): string {
  if (key.asymmetricKeyType === 'ec') {
    const { x = '', y = '' } = key.export({ format: 'jwk' })
    return Buffer.concat([Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url')]).toString('hex')
  }
  return createHash('sha256')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest('hex')
}
