import type { LogFields, Logger, LogLevel } from '../../src/base/index.ts'

export interface LogLine {
  readonly level: LogLevel
  readonly message: string
  readonly fields: LogFields | undefined
}

/** Keeps every line, for tests that look at what an operator would see. */
export class RecordingLogger implements Logger {
  readonly debugEnabled = true
  readonly lines: LogLine[] = []

  error(message: string, fields?: LogFields): void {
    this.lines.push({ level: 'error', message, fields })
  }

  warn(message: string, fields?: LogFields): void {
    this.lines.push({ level: 'warn', message, fields })
  }

  info(message: string, fields?: LogFields): void {
    this.lines.push({ level: 'info', message, fields })
  }

  debug(message: string, fields?: LogFields): void {
    this.lines.push({ level: 'debug', message, fields })
  }

  find(message: string): LogLine | undefined {
    return this.lines.find((line) => line.message.includes(message))
  }
}
