import type { LogFields, Logger, LogLevel } from '../../base/index.ts'

/** A line that could not be written yet. */
export interface DeferredLine {
  readonly level: LogLevel
  readonly message: string
  readonly fields: LogFields | undefined
  readonly time: Date
}

/** A logger that can also write a line of a moment ago. */
export interface LineWriter extends Logger {
  write(line: DeferredLine): void
}

/** More than a start ever says; beyond it lines are dropped, and that is said. */
const LINES_MAX = 1000

/**
 * Keeps the first lines until what writes them has been loaded: loading winston takes longer than everything else a
 * broker does before it accepts connections.
 */
export class DeferredLogger implements Logger {
  readonly #lines: DeferredLine[] = []
  #dropped = 0
  #target: LineWriter | undefined
  readonly #debugWanted: boolean

  constructor(debugWanted: boolean) {
    this.#debugWanted = debugWanted
  }

  get debugEnabled(): boolean {
    return this.#debugWanted
  }

  /** Writes what was kept, with its own times, and passes everything on from now. */
  attach(target: LineWriter): void {
    this.#target = target
    for (const line of this.#lines) target.write(line)
    this.#lines.length = 0
    if (this.#dropped > 0) target.warn('log lines were dropped while the logger was loading', { lines: this.#dropped })
  }

  error(message: string, fields?: LogFields): void {
    this.#log('error', message, fields)
  }

  warn(message: string, fields?: LogFields): void {
    this.#log('warn', message, fields)
  }

  info(message: string, fields?: LogFields): void {
    this.#log('info', message, fields)
  }

  debug(message: string, fields?: LogFields): void {
    if (this.#debugWanted) this.#log('debug', message, fields)
  }

  #log(level: LogLevel, message: string, fields: LogFields | undefined): void {
    if (this.#target !== undefined) this.#target[level](message, fields)
    else if (this.#lines.length >= LINES_MAX) this.#dropped++
    else this.#lines.push({ level, message, fields, time: new Date() })
  }
}
