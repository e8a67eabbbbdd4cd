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

/** A value quoted in a message may be any length, and what was wrong with it comes behind. */
const MESSAGE_LENGTH_MAX = 1000

/** Says in one line on standard error what went wrong. */
export function complain(message: string): void {
  const line = message.trim().replaceAll('\n', ' ')
  const half = MESSAGE_LENGTH_MAX / 2
  const shown = line.length <= MESSAGE_LENGTH_MAX ? line : `${line.slice(0, half)}…${line.slice(-half)}`
  process.stderr.write(`leveret: ${shown}\n`)
}
