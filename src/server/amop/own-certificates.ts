import { X509Certificate } from 'node:crypto'
import type { Logger } from '../../base/index.ts'
import { CertificateDirectory, NODE_FILES } from './certificate-directory.ts'
import type { AmopFiles, KeyType, ResolvedAmopOptions } from './options.ts'

/** What a program needs to connect to this broker's AMOP ports, as PEM. */
export interface AmopCertificates {
  /** The authority's certificate: `ca.crt`. */
  readonly ca: string
  /** An SDK's certificate, with those between it and the authority: `sdk.crt`. */
  readonly sdkCert: string
  /** Its private key: `sdk.key`. */
  readonly sdkKey: string
}

/** The node's certificates and where they came from. */
export interface OwnCertificates {
  readonly files: AmopFiles
  /** Undefined when somebody else made them, and where no SDK's are beside them. */
  readonly forSdks: AmopCertificates | undefined
  readonly directory: CertificateDirectory | undefined
  /** They were made just now, and configuration for SDKs belongs beside them. */
  readonly made: boolean
}

/**
 * Finds the node's certificates: those given, else those of the directory, else new ones, in the directory or in memory.
 * @throws CertificateDirectoryError
 */
export async function findCertificates(options: ResolvedAmopOptions): Promise<OwnCertificates> {
  const { files, certificatesDir, keyType } = options
  if (files !== undefined) return { files, forSdks: undefined, directory: undefined, made: false }
  const directory = certificatesDir === undefined ? undefined : new CertificateDirectory(certificatesDir)
  const present = directory?.nodeFiles ?? []
  if (directory !== undefined && present.length > 0) {
    if (present.length < NODE_FILES.length) throw incomplete(directory, present)
    return { files: directory.read(), forSdks: readForSdks(directory), directory, made: false }
  }
  // Loaded only now: a set is made once.
  const { makeCertificates } = await import('./certificates.ts')
  const set = await makeCertificates({ keyType })
  directory?.write(set)
  const { ca, node, sdk } = set
  return {
    files: { ca: ca.cert, ...node },
    forSdks: { ca: ca.cert, sdkCert: sdk.cert, sdkKey: sdk.key },
    directory,
    made: true,
  }
}

function readForSdks(directory: CertificateDirectory): AmopCertificates | undefined {
  const sdk = directory.readSdk()
  return sdk === undefined ? undefined : { ca: directory.readAuthority(), sdkCert: sdk.cert, sdkKey: sdk.key }
}

function incomplete({ path }: CertificateDirectory, present: readonly string[]): Error {
  const missing = NODE_FILES.filter((name) => !present.includes(name))
  return new Error(
    `${path} has ${present.join(' and ')} but not ${missing.join(' and ')}; put all three there, or none, and they are made`,
  )
}

const DAY_MS = 86_400_000
const WARNING_DAYS = 30

/** Says so when the node's certificate, without which no SDK connects, is over or soon will be. */
export function warnOfExpiry(cert: string | Buffer, log: Logger): void {
  const { validTo } = new X509Certificate(cert)
  const days = Math.floor((Date.parse(validTo) - Date.now()) / DAY_MS)
  if (days < 0) log.error('amop: the certificate of this node has expired: SDKs that look at it refuse it', { validTo })
  else if (days < WARNING_DAYS) log.warn('amop: the certificate of this node expires soon', { validTo, days })
}

/** Says so when other certificates were asked for than those that are there, which nobody replaces unasked. */
export function warnOfKeyType(path: string, cert: string | Buffer, keyType: KeyType, log: Logger): void {
  if (keyType !== 'rsa' || new X509Certificate(cert).publicKey.asymmetricKeyType === 'rsa') return
  log.warn(
    `amop: the certificates in ${path} are not RSA, and stay; leveret amop-certs --rsa --force makes others there`,
  )
}
