/** Exit codes of `leveret`; those from 64 on follow sysexits.h. */
export const ExitCode = {
  /** It ran and did what it was asked to do. */
  OK: 0,
  /** It could not: a port in use, no broker that answers. */
  FAILED: 1,
  /** The command line or the environment says something that cannot be. */
  USAGE: 2,
  /** A defect of ours. */
  INTERNAL: 70,
  /** The disk could not make durable what it had taken. */
  IO: 74,
} as const

/** The command line or an environment variable is wrong; the message is one line that says how. */
export class UsageError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'UsageError'
  }
}
