import type { Logger } from '../base/index.ts'
import type { MemoryAccount } from './host.ts'

/** Who is told when publishers must stop and when they may go on. */
export interface AlarmListener {
  /** @param reason what `connection.blocked` says, `low on memory`; undefined when the alarm is over. */
  alarmChanged(reason: string | undefined): void
}

/**
 * Stops publishers before messages fill the memory. Raised above the watermark and cleared a tenth below it, so that
 * it does not flap with every message. Source: RabbitMQ's memory alarm.
 */
export class MemoryAlarm {
  readonly #memory: MemoryAccount
  readonly #watermark: number
  readonly #log: Logger
  readonly #listeners = new Set<AlarmListener>()
  /** True while publishers are to be held back. */
  raised = false

  /** @param watermark bytes of messages above which publishers are blocked. */
  constructor(memory: MemoryAccount, watermark: number, log: Logger) {
    this.#memory = memory
    this.#watermark = watermark
    this.#log = log
  }

  /** What blocks publishers now. */
  get reason(): string | undefined {
    return this.raised ? 'low on memory' : undefined
  }

  addListener(listener: AlarmListener): void {
    this.#listeners.add(listener)
  }

  removeListener(listener: AlarmListener): void {
    this.#listeners.delete(listener)
  }

  /** Compares; cheap enough for once a turn. */
  check(): void {
    const used = this.#memory.used
    if (this.raised ? used > this.#watermark * 0.9 : used <= this.#watermark) return
    this.raised = !this.raised
    const sizes = `messages take ${mebibytes(used)} MiB of the ${mebibytes(this.#watermark)} MiB allowed`
    if (this.raised) {
      this.#log.warn(`memory alarm: ${sizes}; publishers are blocked until consumers have made room`)
    } else {
      this.#log.info(`memory alarm cleared: ${sizes}`)
    }
    for (const listener of [...this.#listeners]) listener.alarmChanged(this.reason)
  }
}

function mebibytes(bytes: number): string {
  return (bytes / 1048576).toFixed(1)
}
