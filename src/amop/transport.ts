/** What an SDK's certificate says of it. */
export interface Certificate {
  /** Distinguished name, one attribute a line, as Node gives it: `C=CN\nO=fisco-bcos\nCN=sdk`. */
  readonly subject: string
  /** That of the issuer: the agency. */
  readonly issuer: string
  /** Public key: 128 hex digits without the leading 04; for RSA the 64 of the SHA-256 of its DER. Lower case. */
  readonly publicKey: string
}

/** A distinguished name for a line of a log: `C=CN,O=fisco-bcos,CN=sdk`. */
export function inOneLine(distinguishedName: string): string {
  return distinguishedName.replaceAll('\n', ',')
}

/** Who is at the other end. */
export interface AmopPeer {
  readonly address: string
  readonly port: number
  /** The node's own end, `address:port`: a program connects to each once. Undefined when that does not matter. */
  readonly local?: string
  /** Undefined on the plain listener, which is for tests. */
  readonly certificate: Certificate | undefined
}

/** What a frame that waits costs in objects, beside its bytes. */
export const FRAME_COST_BYTES = 256

/** What a session asks of the socket that carries it. */
export interface AmopTransport {
  /** Bytes handed over and not yet taken by the kernel, with `FRAME_COST_BYTES` for each frame. */
  readonly pendingBytes: number
  /**
   * Sends one whole frame, which must begin its own TLS record: go-sdk decodes at most one frame a read.
   * @param frame others may hold it too; it is never written to, neither here nor there.
   */
  write(frame: Buffer): void
  /** Stops and goes on with calling `receive`. */
  pause(): void
  resume(): void
  /** Ends the connection; what is pending need not be sent. `disconnected` may be called, later than this. */
  close(reason: string): void
}
