export type LogLevel = 'error' | 'warn' | 'info' | 'debug'

/** Named values that go with a log line. */
export type LogFields = Record<string, string | number | boolean | undefined>

/**
 * The door to logging; what is behind it (winston for the program, nothing or the user's own when embedded) is the
 * host's choice. Never called per message: a disabled call behind the door may still cost microseconds, so a caller on
 * a warm path asks `debugEnabled` first.
 */
export interface Logger {
  readonly debugEnabled: boolean
  error(message: string, fields?: LogFields): void
  warn(message: string, fields?: LogFields): void
  info(message: string, fields?: LogFields): void
  debug(message: string, fields?: LogFields): void
}

function ignore(): void {}

export const silentLogger: Logger = { debugEnabled: false, error: ignore, warn: ignore, info: ignore, debug: ignore }
