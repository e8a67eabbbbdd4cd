import { execFileSync, spawnSync } from 'node:child_process'
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { CertificateDirectory } from '../../src/server/amop/certificate-directory.ts'
import { type CertificateSet, makeCertificates, makeSdkCertificate } from '../../src/server/amop/certificates.ts'
import { warnOfExpiry } from '../../src/server/amop/own-certificates.ts'
import { certificateSet } from '../helpers/amop-certificates.ts'
import { temporaryDirectory } from '../helpers/program.ts'
import { RecordingLogger } from '../helpers/recording-logger.ts'

const DAY_MS = 86_400_000
const hasOpenssl = spawnSync('openssl', ['version']).status === 0

/** The certificates of a file, in its order. */
function chainOf(pem: string): X509Certificate[] {
  return pem
    .split(/(?<=-----END CERTIFICATE-----\n)/)
    .filter((text) => text !== '')
    .map((text) => new X509Certificate(text))
}

/** Each is signed by the next, and the last by the authority. */
function isSound(chain: readonly X509Certificate[], authority: X509Certificate): boolean {
  const issuers = [...chain.slice(1), authority]
  return chain.every((certificate, index) => {
    const issuer = issuers[index] as X509Certificate
    return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey)
  })
}

for (const keyType of ['secp256k1', 'rsa'] as const) {
  test(`a ${keyType} set has the shape that FISCO BCOS gives it`, async (t) => {
    const { ca, agency, node, sdk } = await certificateSet(keyType)
    const authority = new X509Certificate(ca.cert)
    t.true(authority.ca)
    t.true(authority.verify(authority.publicKey))
    // Root, agency, leaf; with RSA root and leaf.
    t.is(agency === undefined, keyType === 'rsa')
    for (const { cert, key } of [node, sdk]) {
      const chain = chainOf(cert)
      t.is(chain.length, keyType === 'rsa' ? 1 : 2)
      t.true(isSound(chain, authority))
      const [leaf] = chain as [X509Certificate]
      t.false(leaf.ca)
      t.true(leaf.checkPrivateKey(createPrivateKey(key)))
      t.true(key.startsWith('-----BEGIN PRIVATE KEY-----\n'), 'PKCS#8')
      const { asymmetricKeyType, asymmetricKeyDetails } = leaf.publicKey
      if (keyType === 'rsa') t.is(asymmetricKeyDetails?.modulusLength, 2048)
      else t.is(asymmetricKeyDetails?.namedCurve, 'secp256k1')
      t.is(asymmetricKeyType, keyType === 'rsa' ? 'rsa' : 'ec')
      t.is(leaf.issuer, 'CN=agency\nO=fisco-bcos\nOU=agency')
    }
    t.is(new X509Certificate(sdk.cert).issuer, new X509Certificate(node.cert).issuer, 'the same agency')
    const serials = [ca.cert, node.cert, sdk.cert].map((cert) => new X509Certificate(cert).serialNumber)
    t.is(new Set(serials).size, 3)
  })

  const testWithOpenssl = hasOpenssl ? test : test.skip
  testWithOpenssl(`openssl finds nothing wrong with a ${keyType} set, however strict it is`, async (t) => {
    const directory = await temporaryDirectory(t)
    new CertificateDirectory(directory).write(await certificateSet(keyType))
    for (const name of ['node.crt', 'sdk/sdk.crt']) {
      const path = join(directory, name)
      const verdict = execFileSync(
        'openssl',
        [
          'verify',
          '-x509_strict',
          '-purpose',
          name === 'node.crt' ? 'sslserver' : 'sslclient',
          '-CAfile',
          join(directory, 'ca.crt'),
          '-untrusted',
          path,
          path,
        ],
        { encoding: 'utf8' },
      )
      t.is(verdict.trim(), `${path}: OK`)
    }
  })
}

test('validity is as long as asked for, from yesterday on, also beyond 2050', async (t) => {
  for (const days of [30, 36_500]) {
    const { node } = await makeCertificates({ keyType: 'secp256k1', days })
    const { validFrom, validTo } = new X509Certificate(node.cert)
    t.true(Date.parse(validFrom) < Date.now() - DAY_MS / 2)
    t.true(Math.abs(Date.parse(validTo) - Date.now() - days * DAY_MS) < DAY_MS / 2, validTo)
  }
})

test('names of agency and SDK may be any text', async (t) => {
  const set = await makeCertificates({ keyType: 'secp256k1', agency: '机构 A, "quoted"' })
  const sdk = await makeSdkCertificate(set.agency ?? set.ca, 'käufer', 10, set.agency?.cert)
  const { subject, issuer } = new X509Certificate(sdk.cert)
  t.regex(subject, /CN=käufer|CN=k\\C3\\A4ufer/)
  t.is(issuer, new X509Certificate(set.node.cert).issuer)
  t.true(isSound(chainOf(sdk.cert), new X509Certificate(set.ca.cert)))
})

test('private keys are for their owner only, and a set comes back as it was written', async (t) => {
  const path = await temporaryDirectory(t)
  const directory = new CertificateDirectory(join(path, 'certificates'))
  const set = await certificateSet()
  directory.write(set)
  t.deepEqual(directory.nodeFiles, ['ca.crt', 'node.crt', 'node.key'])
  t.deepEqual(directory.readSdk(), set.sdk)
  t.is(directory.read().key.toString(), set.node.key)
  t.is(directory.readSigner().signer.key, (set.agency ?? set.ca).key)
  if (process.platform === 'win32') return
  for (const name of ['ca.key', 'agency.key', 'node.key', 'sdk/sdk.key']) {
    t.is(statSync(join(directory.path, name)).mode & 0o777, 0o600, name)
  }
  t.is(statSync(join(directory.path, 'node.crt')).mode & 0o777, 0o644)
})

test('an RSA set in place of a secp256k1 one leaves no agency behind that would sign for it', async (t) => {
  const directory = new CertificateDirectory(await temporaryDirectory(t))
  directory.write(await certificateSet())
  const rsa: CertificateSet = await certificateSet('rsa')
  directory.write(rsa)
  t.false(directory.present.includes('agency.key'))
  t.is(directory.readSigner().signer.key, rsa.ca.key)
})

test('configuration for the SDKs names files that are there, and the nodes', async (t) => {
  const directory = new CertificateDirectory(await temporaryDirectory(t))
  directory.write(await certificateSet())
  directory.writeConfiguration('sdk', { nodes: ['10.0.0.1:20200', '10.0.0.2:20200'], chainId: '7', group: 3 })
  const read = (name: string): string => readFileSync(join(directory.sdk, name), 'utf8')
  const go = read('go-sdk/config.toml')
  t.regex(go, /NodeURL="10\.0\.0\.1:20200"\nGroupID=3/)
  t.regex(go, /ChainID=7/)
  const xml = read('web3sdk/applicationContext.xml')
  t.regex(xml, /<value>10\.0\.0\.1:20200<\/value>\s*<value>10\.0\.0\.2:20200<\/value>/)
  const files = [...go.matchAll(/="(\/[^"]+)"/g), ...xml.matchAll(/value="file:(\/[^"]+)"/g)].map(
    ([, file]) => file as string,
  )
  t.is(files.length, 6)
  for (const file of files) t.true(statSync(file).size > 0)
  const java = read('java-sdk/config.toml')
  t.regex(java, /peers = \["10\.0\.0\.1:20200", "10\.0\.0\.2:20200"\]/)
  t.true(java.includes(`certPath = ${JSON.stringify(directory.sdk)}`))
})

test('the authority of a directory that has lost its key cannot sign, and it is said which file is missing', async (t) => {
  const path = await temporaryDirectory(t)
  writeFileSync(join(path, 'ca.crt'), (await certificateSet()).ca.cert)
  t.throws(() => new CertificateDirectory(path).readSigner(), {
    message: `cannot read ${join(path, 'ca.key')}: there is no such file`,
  })
})

test('a certificate that expires is told of: an error when it has, a warning a month before', async (t) => {
  const { agency, ca } = await certificateSet()
  for (const [days, level] of [
    [-0.5, 'error'],
    [10, 'warn'],
    [100, undefined],
  ] as const) {
    const log = new RecordingLogger()
    warnOfExpiry((await makeSdkCertificate(agency ?? ca, 'node', days)).cert, log)
    t.is(log.lines[0]?.level, level)
  }
})
