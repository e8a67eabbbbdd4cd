import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPair,
  type KeyObject,
  randomBytes,
  sign,
  X509Certificate,
} from 'node:crypto'
import { promisify } from 'node:util'
import { AsnConvert, OctetString } from '@peculiar/asn1-schema'
import {
  AlgorithmIdentifier,
  AttributeTypeAndValue,
  AttributeValue,
  AuthorityKeyIdentifier,
  BasicConstraints,
  Certificate,
  Extension,
  Extensions,
  id_ce_authorityKeyIdentifier,
  id_ce_basicConstraints,
  id_ce_keyUsage,
  id_ce_subjectKeyIdentifier,
  KeyIdentifier,
  KeyUsage,
  KeyUsageFlags,
  Name,
  RelativeDistinguishedName,
  SubjectKeyIdentifier,
  SubjectPublicKeyInfo,
  TBSCertificate,
  Validity,
  Version,
} from '@peculiar/asn1-x509'
import type { KeyType } from './options.ts'

/** PEM of a certificate, with those between it and the root behind it, and of its private key in PKCS#8. */
export interface CertificateAndKey {
  readonly cert: string
  readonly key: string
}

/** All that an AMOP node and its SDKs need to know each other. */
export interface CertificateSet {
  readonly keyType: KeyType
  readonly ca: CertificateAndKey
  /** Between the root and the others; RSA sets have none. Source: FISCO BCOS 2.x, whose chains look like this. */
  readonly agency: CertificateAndKey | undefined
  readonly node: CertificateAndKey
  readonly sdk: CertificateAndKey
}

export interface MakingOptions {
  readonly keyType: KeyType
  /** Name of the agency, which permissions and the issuer check go by. Default `agency`. */
  readonly agency?: string
  /** How long all of them are good, in days. Default 3650. */
  readonly days?: number
}

/** Ten years: nobody renews what a first start has made by itself. */
export const DEFAULT_DAYS = 3650
export const DEFAULT_AGENCY = 'agency'

const DAY_MS = 86_400_000
/** For SDKs whose clock is behind. */
const BACKDATED_MS = DAY_MS

const SIGNATURES = {
  // ecdsa-with-SHA256 has no parameters, sha256WithRSAEncryption the value NULL. Source: RFC 5758, RFC 4055.
  secp256k1: new AlgorithmIdentifier({ algorithm: '1.2.840.10045.4.3.2' }),
  rsa: new AlgorithmIdentifier({ algorithm: '1.2.840.113549.1.1.11', parameters: null }),
} as const satisfies Record<KeyType, AlgorithmIdentifier>

const COMMON_NAME = '2.5.4.3'
const ORGANIZATION = '2.5.4.10'
const UNIT = '2.5.4.11'

/** Who signs: a name and a key. */
interface Issuer {
  readonly name: Name
  readonly key: KeyObject
}

interface Keys {
  readonly publicKey: KeyObject
  readonly privateKey: KeyObject
}

/** A certificate to be: what stands in it beside what its issuer adds. */
interface Request {
  readonly subject: Name
  readonly publicKey: KeyObject
  readonly authority: boolean
  readonly days: number
}

const generate = promisify(generateKeyPair)

/** Makes an authority, and a node's and an SDK's certificate under it: secp256k1 or RSA-2048, SHA-256. */
export async function makeCertificates(options: MakingOptions): Promise<CertificateSet> {
  const { keyType, agency: agencyName = DEFAULT_AGENCY, days = DEFAULT_DAYS } = options
  const [caKeys, agencyKeys, nodeKeys, sdkKeys] = await Promise.all([
    makeKeys(keyType),
    keyType === 'rsa' ? undefined : makeKeys(keyType),
    makeKeys(keyType),
    makeKeys(keyType),
  ])
  const agencySubject = distinguishedName(agencyName, 'agency')
  const rootSubject = agencyKeys === undefined ? agencySubject : distinguishedName('leveret', 'chain')
  const root: Issuer = { name: rootSubject, key: caKeys.privateKey }
  const authority = (subject: Name, { publicKey, privateKey }: Keys): CertificateAndKey => {
    return { cert: issue(root, { subject, publicKey, authority: true, days }), key: pemOf(privateKey) }
  }
  const ca = authority(rootSubject, caKeys)
  const agency = agencyKeys === undefined ? undefined : authority(agencySubject, agencyKeys)
  const signer = agency ?? ca
  return {
    keyType,
    ca,
    agency,
    node: issueLeaf(signer, 'node', nodeKeys, days, agency?.cert),
    sdk: issueLeaf(signer, 'sdk', sdkKeys, days, agency?.cert),
  }
}

/**
 * Makes one more SDK's certificate.
 * @param signer the agency, or the authority itself where there is none.
 * @param name the certificate's common name, which permissions go by.
 * @param chain PEM of what stands between it and the authority.
 */
export async function makeSdkCertificate(
  signer: CertificateAndKey,
  name: string,
  days = DEFAULT_DAYS,
  chain?: string,
): Promise<CertificateAndKey> {
  return issueLeaf(signer, name, await makeKeys(keyTypeOf(createPrivateKey(signer.key))), days, chain)
}

function issueLeaf(signer: CertificateAndKey, name: string, keys: Keys, days: number, chain = ''): CertificateAndKey {
  const { tbsCertificate } = AsnConvert.parse(new X509Certificate(signer.cert).raw, Certificate)
  const issuer = { name: tbsCertificate.subject, key: createPrivateKey(signer.key) }
  const request = { subject: distinguishedName(name, name), publicKey: keys.publicKey, authority: false, days }
  return { cert: issue(issuer, request) + chain, key: pemOf(keys.privateKey) }
}

function makeKeys(keyType: KeyType): Promise<Keys> {
  return keyType === 'rsa' ? generate('rsa', { modulusLength: 2048 }) : generate('ec', { namedCurve: 'secp256k1' })
}

function keyTypeOf({ asymmetricKeyType }: KeyObject): KeyType {
  return asymmetricKeyType === 'rsa' ? 'rsa' : 'secp256k1'
}

function pemOf(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }) as string
}

function distinguishedName(commonName: string, unit: string): Name {
  const attributes = [
    [COMMON_NAME, commonName],
    [ORGANIZATION, 'fisco-bcos'],
    [UNIT, unit],
  ] as const
  return new Name(
    attributes.map(([type, text]) => {
      const value = new AttributeValue({ utf8String: text })
      return new RelativeDistinguishedName([new AttributeTypeAndValue({ type, value })])
    }),
  )
}

/** @returns PEM */
function issue(issuer: Issuer, { subject, publicKey, authority, days }: Request): string {
  const signatureAlgorithm = SIGNATURES[keyTypeOf(issuer.key)]
  const now = Date.now()
  const subjectPublicKeyInfo = publicKeyInfo(publicKey)
  const tbsCertificate = new TBSCertificate({
    version: Version.v3,
    serialNumber: serialNumber(),
    signature: signatureAlgorithm,
    issuer: issuer.name,
    validity: new Validity({ notBefore: new Date(now - BACKDATED_MS), notAfter: new Date(now + days * DAY_MS) }),
    subject,
    subjectPublicKeyInfo,
    extensions: new Extensions([
      extension(id_ce_basicConstraints, new BasicConstraints({ cA: authority }), true),
      extension(id_ce_keyUsage, new KeyUsage(authority ? AUTHORITY_USAGE : LEAF_USAGE), authority),
      extension(id_ce_subjectKeyIdentifier, new SubjectKeyIdentifier(keyIdentifier(subjectPublicKeyInfo))),
      extension(
        id_ce_authorityKeyIdentifier,
        new AuthorityKeyIdentifier({
          keyIdentifier: new KeyIdentifier(keyIdentifier(publicKeyInfo(createPublicKey(issuer.key)))),
        }),
      ),
    ]),
  })
  const signatureValue = sign('sha256', Buffer.from(AsnConvert.serialize(tbsCertificate)), issuer.key)
  const certificate = new Certificate({
    tbsCertificate,
    signatureAlgorithm,
    signatureValue: arrayBuffer(signatureValue),
  })
  const base64 = Buffer.from(AsnConvert.serialize(certificate)).toString('base64')
  return `-----BEGIN CERTIFICATE-----\n${base64.replace(/.{1,64}/g, '$&\n')}-----END CERTIFICATE-----\n`
}

const AUTHORITY_USAGE = KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign
// TLS with RSA key exchange, which some SDKs offer, needs the second.
const LEAF_USAGE = KeyUsageFlags.digitalSignature | KeyUsageFlags.keyEncipherment

function extension(extnID: string, value: object, critical = false): Extension {
  return new Extension({ extnID, critical, extnValue: new OctetString(AsnConvert.serialize(value)) })
}

function publicKeyInfo(key: KeyObject): SubjectPublicKeyInfo {
  return AsnConvert.parse(key.export({ type: 'spki', format: 'der' }), SubjectPublicKeyInfo)
}

/** Source: RFC 5280 4.2.1.2, the first way. */
function keyIdentifier({ subjectPublicKey }: SubjectPublicKeyInfo): ArrayBuffer {
  return arrayBuffer(createHash('sha1').update(Buffer.from(subjectPublicKey)).digest())
}

/** Positive, 16 bytes long. */
function serialNumber(): ArrayBuffer {
  const bytes = randomBytes(16)
  bytes[0] = ((bytes[0] as number) & 0x7f) | 0x40
  return arrayBuffer(bytes)
}

function arrayBuffer(bytes: Buffer): ArrayBuffer {
  return new Uint8Array(bytes).buffer
}
