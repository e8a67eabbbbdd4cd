import { writeSync } from 'node:fs'
import { ExitCode } from '../errors.ts'

/**
 * A defect that nobody has caught ends the process: a broker that carries on with a broken state would lose other
 * people's messages. One line says what it was and where; the whole stack only when somebody is debugging.
 */
export function dieOnDefects(withStacks: boolean): void {
  process.on('uncaughtException', (error: unknown) => {
    // Written at once: nothing asynchronous can be relied on any more.
    writeSync(2, `leveret: internal error, please report it: ${describe(error, withStacks)}\n`)
    process.exit(ExitCode.INTERNAL)
  })
  // Whoever read our output may have gone; that is no reason to stop.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})
}

function describe(error: unknown, withStacks: boolean): string {
  if (!(error instanceof Error)) return String(error)
  if (withStacks && error.stack !== undefined) return error.stack
  const where = error.stack?.split('\n').find((line) => line.trimStart().startsWith('at '))
  return `${error.name}: ${error.message}${where === undefined ? '' : ` (${where.trim()})`}`.replaceAll('\n', ' ')
}
