import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Command } from 'commander'
import { Client } from '../../amop/index.ts'
import { type AmopConnectOptions, amopClientOptions, parseNode } from '../../net/index.ts'
import { UsageError } from '../errors.ts'
import { checked } from '../settings/parsers.ts'
import { reasonOf } from '../start/read-file.ts'
import { DEFAULT_NODE, nodeOption } from './node-option.ts'

/** What `sub` and `pub` have in common. */
export interface ConnectionFlags {
  readonly node?: readonly string[]
  readonly certs?: string
  readonly plain?: true
}

const node = checked({
  allowed: 'a host and a port, such as 127.0.0.1:20200',
  holds: (text) => {
    try {
      parseNode(text)
      return true
    } catch {
      return false
    }
  },
})

export function addConnectionOptions(command: Command): Command {
  return command
    .addOption(nodeOption('a node', node))
    .option('--certs <DIR>', 'directory with ca.crt, sdk.crt and sdk.key, or with a folder sdk that has them')
    .option('--plain', 'plain TCP, for nodes that tests have started so')
}

/** Connects to one node at least. @throws UsageError, AmopError */
export async function connect(flags: ConnectionFlags): Promise<Client> {
  const { node: nodes = [DEFAULT_NODE], certs, plain = false } = flags
  if (certs === undefined && !plain) {
    throw new UsageError('--certs DIR is needed, with ca.crt, sdk.crt and sdk.key; leveret amop-certs DIR makes them')
  }
  const options: AmopConnectOptions = { nodes, plain, ...(certs !== undefined && readCertificates(certs)) }
  const client = new Client(amopClientOptions(options))
  await client.open()
  return client
}

function readCertificates(directory: string): { ca: Buffer; cert: Buffer; key: Buffer } {
  const sdk = join(directory, 'sdk')
  // A node's own directory has the folder for SDKs in it.
  const folder = isFile(join(directory, 'sdk.crt')) || !isFile(join(sdk, 'sdk.crt')) ? directory : sdk
  const read = (name: string): Buffer => {
    const path = join(folder, name)
    try {
      return readFileSync(path)
    } catch (error) {
      throw new UsageError(`--certs: cannot read ${path}: ${reasonOf(error as NodeJS.ErrnoException)}`)
    }
  }
  return { ca: read('ca.crt'), cert: read('sdk.crt'), key: read('sdk.key') }
}

function isFile(path: string): boolean {
  try {
    return statSync(path).isFile()
  } catch {
    return false
  }
}
