import type { ClientOptions, ClientSettings, NodeAddress } from '../amop/index.ts'
import { type AmopCertificates, createDial } from './amop-client-socket.ts'

export interface AmopConnectOptions extends Partial<ClientSettings>, Partial<AmopCertificates> {
  /** `host:port` each; the port may be left out for 20200. The client connects to all of them. */
  readonly nodes: readonly string[]
  /** Without TLS, for nodes that were started so for tests; certificates are not looked at then. Default false. */
  readonly plain?: boolean
}

const PORT = 20_200

/**
 * What a client needs to connect by sockets.
 * @throws TypeError, RangeError or Error for options that cannot be.
 */
export function amopClientOptions(options: AmopConnectOptions): ClientOptions {
  const { nodes, plain = false, ca, cert, key, ...settings } = options
  if (!Array.isArray(nodes)) throw new TypeError("nodes is no list of texts, such as ['127.0.0.1:20200']")
  if (plain) return { nodes: nodes.map(parseNode), dial: createDial(undefined), settings }
  if (ca === undefined || cert === undefined || key === undefined) {
    throw new TypeError('certificates are missing: ca, cert and key are needed, in PEM form')
  }
  return { nodes: nodes.map(parseNode), dial: createDial({ ca, cert, key }), settings }
}

/**
 * Reads `host:port`, `host` or `[::1]:port`.
 * @throws RangeError when it is none.
 */
export function parseNode(text: string): NodeAddress {
  const match = /^(?:\[([^\]]+)\]|([^:[\]\s]+))(?::(\d{1,5}))?$/.exec(text)
  const port = match?.[3] === undefined ? PORT : Number(match[3])
  const host = match?.[1] ?? match?.[2]
  if (host === undefined || port < 1 || port > 65_535) throw new RangeError(`not a node: '${text}' (host:port)`)
  return { host, port }
}
