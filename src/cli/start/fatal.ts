import { writeSync } from 'node:fs'
import { ExitCode } from '../errors.ts'
import type { StartSettings } from './settings.ts'

/** Long enough for the close methods of the connections to leave. */
const FAREWELL_MS = 200

/**
 * Ends the process after a failed sync: the system may have dropped what it could not write, so that to go on would be to
 * confirm what is not there. Only a start reads what really is.
 */
export function dieOfDisk(error: Error, sync: StartSettings['sync']): void {
  const safe =
    sync === 'always'
      ? 'everything confirmed is on the disk'
      : `what was confirmed since the last sync may be lost (--sync ${sync})`
  // Written at once, since the log may be waiting for a disk, too.
  writeSync(2, `leveret: ${error.message.replaceAll('\n', ' ')}; ${safe}; check the disk and start again\n`)
  process.exitCode = ExitCode.IO
  // Whatever else goes wrong from here on is a consequence, and the first reason counts.
  process.removeAllListeners('uncaughtException')
  process.on('uncaughtException', () => process.exit(ExitCode.IO))
  setTimeout(() => process.exit(ExitCode.IO), FAREWELL_MS)
}

/** The failed sync that an error comes from, however often it was wrapped; undefined for any other error. */
export function failedSync(error: unknown): Error | undefined {
  for (let cause = error; cause instanceof Error; cause = cause.cause) if (cause.name === 'SyncError') return cause
  return undefined
}
