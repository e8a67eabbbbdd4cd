import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { Command, Option } from 'commander'
import { AMOP_TEXTS, DEFAULT_AMOP_OPTIONS, type KeyType, loadAmopCertificates } from '../../server/index.ts'
import { UsageError } from '../errors.ts'
import { checked, wholeNumber } from '../settings/parsers.ts'
import { DEFAULT_NODE, nodeOption } from './node-option.ts'
import { valueFor } from './value-for.ts'

interface Flags {
  readonly rsa?: true
  readonly both?: true
  readonly addSdk?: string
  readonly agency: string
  readonly days: number
  readonly node?: readonly string[]
  readonly chainId: string
  readonly force?: true
}

export function certsCommand(): Command {
  return new Command('amop-certs')
    .description(
      'Make certificates for an AMOP node and its SDKs, with configuration for go-sdk, java-sdk and web3sdk. secp256k1, unless said otherwise.',
    )
    .argument('<dir>', 'where they go; made if missing')
    .addOption(new Option('--rsa', 'RSA-2048 instead, which needs nothing special of any Java').conflicts('both'))
    .option('--both', 'a set of each kind, in the folders secp256k1 and rsa')
    .addOption(
      new Option('--add-sdk <NAME>', "one more SDK's certificate of the set that is there, in a folder of its name")
        .argParser(valueFor('--add-sdk', folderName))
        .conflicts(['rsa', 'both']),
    )
    .addOption(
      new Option('--agency <NAME>', 'name of the agency that issues them')
        .argParser(valueFor('--agency', commonName))
        .default('agency'),
    )
    .addOption(
      new Option('--days <COUNT>', 'how long they are good')
        .argParser(valueFor('--days', wholeNumber(1, 36_500)))
        .default(3650),
    )
    .addOption(nodeOption('where SDKs find the node', hostPort))
    .addOption(
      new Option('--chain-id <ID>', 'as --amop-chain-id of the node')
        .argParser(valueFor('--chain-id', checked(AMOP_TEXTS.chainId)))
        .default(DEFAULT_AMOP_OPTIONS.chainId),
    )
    .option('--force', 'replace what is there; SDKs with the former certificates are refused from then on')
    .action(async (directory: string, flags: Flags, command: Command) => {
      for (const text of await make(directory, flags)) command.configureOutput().writeOut?.(`${text}\n`)
    })
}

/** @returns what to say of it. */
async function make(directory: string, flags: Flags): Promise<string[]> {
  if (flags.addSdk !== undefined) return [await addSdk(directory, flags.addSdk, flags)]
  if (flags.both) return makeBoth(directory, flags)
  return [await makeSet(directory, flags.rsa ? 'rsa' : 'secp256k1', flags)]
}

async function makeBoth(directory: string, flags: Flags): Promise<string[]> {
  const kinds = ['secp256k1', 'rsa'] as const
  // Nothing is made when one of them would be refused.
  for (const kind of kinds) await checkVacant(join(directory, kind), flags)
  const texts: string[] = []
  for (const kind of kinds) texts.push(await makeSet(join(directory, kind), kind, flags))
  return texts
}

async function makeSet(path: string, keyType: KeyType, flags: Flags): Promise<string> {
  const { agency, days, node: nodes = [DEFAULT_NODE], chainId } = flags
  await checkVacant(path, flags)
  const { CertificateDirectory, makeCertificates } = await loadAmopCertificates()
  const directory = new CertificateDirectory(path)
  directory.write(await makeCertificates({ keyType, agency, days }))
  directory.writeConfiguration('sdk', { nodes, chainId, group: 1 })
  const shown = resolve(path)
  return `Made ${keyType} certificates in ${shown}, good for ${days} days. The node:

  leveret start --amop-port ${portOf(nodes)} --amop-certs ${shown}

SDKs get the folder ${directory.sdk}: ca.crt, sdk.crt, sdk.key, and a
configuration file for each of go-sdk, java-sdk and web3sdk. Nobody but you needs ca.key: it makes more
SDK certificates (--add-sdk NAME).`
}

async function addSdk(path: string, name: string, flags: Flags): Promise<string> {
  const { days, node: nodes = [DEFAULT_NODE], chainId, force } = flags
  const { CertificateDirectory, makeSdkCertificate } = await loadAmopCertificates()
  const directory = new CertificateDirectory(path)
  if (!force && existsSync(join(path, name))) {
    throw new UsageError(`${join(path, name)} is there already; choose another name, or replace it with --force`)
  }
  const { signer, chain } = directory.readSigner()
  const sdk = await makeSdkCertificate(signer, name, days, chain)
  directory.writeSdk(name, directory.readAuthority(), sdk)
  directory.writeConfiguration(name, { nodes, chainId, group: 1 })
  return `Made a certificate for ${name} in ${resolve(path, name)}, good for ${days} days.`
}

async function checkVacant(path: string, { force }: Flags): Promise<void> {
  if (force) return
  const { CertificateDirectory } = await loadAmopCertificates()
  const { present } = new CertificateDirectory(path)
  if (present.length > 0) {
    throw new UsageError(
      `${path} has ${present.join(', ')} already; choose another directory, or replace them with --force: SDKs that have the former are refused then`,
    )
  }
}

// X.520 bounds common names to 64 characters.
const commonName = checked({ allowed: 'a name of 1 to 64 characters', holds: (text) => /^.{1,64}$/su.test(text) })
const folderName = checked({
  allowed: 'a name of letters, digits, points, dashes and underscores, at most 64',
  holds: (text) => /^\w[\w.-]{0,63}$/.test(text) && text !== 'sdk',
})
const hostPort = checked({
  allowed: 'a host and a port, such as 127.0.0.1:20200',
  holds: (text) => /^(\[[^\]]+\]|[^:\s]+):\d{1,5}$/.test(text) && Number(portOf([text])) <= 65_535,
})

function portOf([first = DEFAULT_NODE]: readonly string[]): string {
  return first.slice(first.lastIndexOf(':') + 1)
}
