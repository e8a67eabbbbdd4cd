import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { makeDirectory } from '../data-directory.ts'
import type { CertificateAndKey, CertificateSet } from './certificates.ts'
import type { AmopFiles } from './options.ts'
import { type SdkConfiguration, sdkFiles } from './sdk-files.ts'

/**
 * A directory of certificates:
 *
 *     ca.crt, ca.key          the authority; the key makes more SDK certificates, and is needed by nobody else
 *     agency.crt, agency.key  between it and the others; not with RSA
 *     node.crt, node.key      the node's own
 *     sdk/                    what an SDK gets: ca.crt, sdk.crt, sdk.key, and configuration for each of them
 */
export class CertificateDirectory {
  readonly path: string

  constructor(path: string) {
    this.path = path
  }

  /** The folder for SDKs. */
  get sdk(): string {
    return join(this.path, 'sdk')
  }

  /** Which of the files that a node needs are there. */
  get nodeFiles(): string[] {
    return NODE_FILES.filter((name) => existsSync(join(this.path, name)))
  }

  /** Which of all the files that a set consists of are there. */
  get present(): string[] {
    return [...SET_FILES, 'sdk'].filter((name) => existsSync(join(this.path, name)))
  }

  /** What a node needs. @throws CertificateDirectoryError */
  read(): AmopFiles {
    const [ca, cert, key] = NODE_FILES.map((name) => this.#load(name)) as [Buffer, Buffer, Buffer]
    return { ca, cert, key }
  }

  /** What an SDK needs; undefined when its folder has not all of it. */
  readSdk(): CertificateAndKey | undefined {
    const [cert, key] = ['sdk.crt', 'sdk.key'].map((name) => join(this.sdk, name)) as [string, string]
    if (!existsSync(cert) || !existsSync(key)) return undefined
    return { cert: this.#load('sdk/sdk.crt').toString(), key: this.#load('sdk/sdk.key').toString() }
  }

  /** PEM of the authority's certificate. */
  readAuthority(): string {
    return this.#load('ca.crt').toString()
  }

  /** Who signs an SDK's certificate here, and what stands between that and the authority. */
  readSigner(): { signer: CertificateAndKey; chain: string | undefined } {
    const name = existsSync(join(this.path, 'agency.key')) ? 'agency' : 'ca'
    const cert = this.#load(`${name}.crt`).toString()
    return { signer: { cert, key: this.#load(`${name}.key`).toString() }, chain: name === 'agency' ? cert : undefined }
  }

  /** Writes a whole set; what a node needs comes last, so that what was cut short is not taken for one. */
  write({ ca, agency, node, sdk }: CertificateSet): void {
    this.#save('ca.key', ca.key, PRIVATE)
    if (agency !== undefined) {
      this.#save('agency.key', agency.key, PRIVATE)
      this.#save('agency.crt', agency.cert)
    } else {
      // Of a set that is replaced: it would be taken for the one that signs.
      for (const name of ['agency.key', 'agency.crt']) rmSync(join(this.path, name), { force: true })
    }
    this.writeSdk('sdk', ca.cert, sdk)
    this.#save('node.key', node.key, PRIVATE)
    this.#save('node.crt', node.cert)
    this.#save('ca.crt', ca.cert)
  }

  /** Writes what an SDK needs into a folder of its own. */
  writeSdk(folder: string, ca: string, { cert, key }: CertificateAndKey): void {
    this.#save(join(folder, 'ca.crt'), ca)
    this.#save(join(folder, 'sdk.key'), key, PRIVATE)
    this.#save(join(folder, 'sdk.crt'), cert)
  }

  /** Writes configuration for each kind of SDK beside its certificates. */
  writeConfiguration(folder: string, configuration: Omit<SdkConfiguration, 'directory'>): void {
    const directory = join(this.path, folder)
    for (const { name, text } of sdkFiles({ ...configuration, directory })) this.#save(join(folder, name), text)
  }

  #load(name: string): Buffer {
    try {
      return readFileSync(join(this.path, name))
    } catch (error) {
      throw new CertificateDirectoryError('read', join(this.path, name), error as NodeJS.ErrnoException)
    }
  }

  /** Under its own name only once it is whole, and its mode from the beginning. */
  #save(name: string, text: string, mode = PUBLIC): void {
    const path = join(this.path, name)
    const partial = `${path}.part`
    try {
      makeDirectory(dirname(path))
      writeFileSync(partial, text, { mode, flush: true })
      renameSync(partial, path)
    } catch (error) {
      throw new CertificateDirectoryError('write', path, error as NodeJS.ErrnoException)
    }
  }
}

/** What a node needs, in the order of {@link AmopFiles}. */
export const NODE_FILES = ['ca.crt', 'node.crt', 'node.key'] as const
const SET_FILES = [...NODE_FILES, 'ca.key', 'agency.crt', 'agency.key']

const PUBLIC = 0o644
const PRIVATE = 0o600

/** A file of certificates that cannot be read or written, in one line that says what to do. */
export class CertificateDirectoryError extends Error {
  readonly code: string

  constructor(what: 'read' | 'write', path: string, cause: NodeJS.ErrnoException) {
    super(`cannot ${what} ${path}: ${reason(what, cause)}`, { cause })
    this.name = 'CertificateDirectoryError'
    this.code = cause.code ?? 'UNKNOWN'
  }
}

function reason(what: 'read' | 'write', { code, message }: NodeJS.ErrnoException): string {
  switch (code) {
    case 'ENOENT':
      return what === 'read' ? 'there is no such file' : 'no directory can be made there'
    case 'EACCES':
    case 'EPERM':
      return 'this user may not'
    case 'EROFS':
      return 'the file system is read-only'
    case 'ENOSPC':
      return 'the disk is full'
    case 'ENOTDIR':
    case 'EEXIST':
      return 'something on its path is not a directory'
    default:
      return message
  }
}
