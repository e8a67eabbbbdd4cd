import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Client } from './amop/index.ts'
import { type AmopConnectOptions, amopClientOptions } from './net/index.ts'

export {
  AmopError,
  type AmopHandler,
  type AmopKey,
  type AmopKeyPair,
  type AmopMessage,
  type AmopReply,
  type CallOptions,
  type ClientEvents,
  type ClientSettings,
  DEFAULT_CLIENT_SETTINGS,
  generateKeyPair,
  HANDLER_FAILED,
  type NodeState,
  ResultCode,
} from './amop/index.ts'

export interface AmopClientOptions extends AmopConnectOptions {
  /** A directory with `ca.crt`, `sdk.crt` and `sdk.key`, as `leveret amop-certs` makes it and the SDKs read it. */
  readonly certsDirectory?: string
  /** Gives up the first connection. */
  readonly signal?: AbortSignal
}

/**
 * A client of AMOP (the channel protocol of FISCO BCOS 2.x): subscribes to topics, sends unicasts and multicasts, stays
 * connected to its nodes.
 *
 *     await using client = await AmopClient.connect({ nodes: ['127.0.0.1:20200'], certsDirectory: 'certs' })
 *     await client.subscribe('orders', ({ data }) => `got ${data}`)
 *     const answer = await client.unicast('orders', 'two of them')
 *
 * It keeps the process alive until `close`, also while its nodes are away.
 */
export class AmopClient extends Client {
  /**
   * Connects to all nodes; fulfilled when the first is connected, while the others go on trying.
   * @throws AmopError 99 when none could be reached, with the reason of each; TypeError, RangeError or Error for options
   *   or certificates that cannot be; the signal's reason.
   */
  static async connect({ certsDirectory, signal, ...options }: AmopClientOptions): Promise<AmopClient> {
    const files = certsDirectory === undefined ? {} : await readCertificates(certsDirectory)
    const client = new AmopClient(amopClientOptions({ ...files, ...options }))
    await client.open(signal)
    return client
  }
}

async function readCertificates(directory: string): Promise<{ ca: Buffer; cert: Buffer; key: Buffer }> {
  const read = (name: string): Promise<Buffer> => readFile(join(directory, name))
  const [ca, cert, key] = await Promise.all([read('ca.crt'), read('sdk.crt'), read('sdk.key')])
  return { ca, cert, key }
}
