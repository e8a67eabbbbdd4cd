/** What a command-line client tells its user in one line: no stack, the broker's own text where there is one. */
export class ClientError extends Error {
  override readonly name = 'ClientError'
  /** The broker's reply code, 0 when the connection ended without one. */
  readonly code: number

  constructor(text: string, code = 0) {
    super(text)
    this.code = code
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'the other side reset the connection',
  EPIPE: 'the other side has closed the connection',
  ENOTFOUND: 'no such host',
  EAI_AGAIN: 'the name service does not answer',
  ETIMEDOUT: 'no answer in time',
  EHOSTUNREACH: 'host unreachable',
  ENETUNREACH: 'network unreachable',
  EMFILE: 'no more files can be opened (see ulimit -n)',
}

/** Words for an error of the operating system. Several attempts at one name (IPv6, then IPv4) give the last one's. */
export function describeSystemError(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return describeSystemError(error.errors.at(-1))
  const { code, message } = error as NodeJS.ErrnoException
  return (code !== undefined && REASONS[code]) || message || String(error)
}
