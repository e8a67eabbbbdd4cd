import { type Alarm, steadyNow } from '../../base/index.ts'

const DELAY_MAX_MS = 0x7fffffff

/** Keeps the process alive, as a subscriber whose node is away must not end: it waits for the next attempt to connect. */
export class ClientAlarm implements Alarm {
  #handle: NodeJS.Timeout | undefined

  set(at: number, wake: () => void): void {
    clearTimeout(this.#handle)
    this.#handle = setTimeout(wake, Math.min(Math.max(at - steadyNow(), 0), DELAY_MAX_MS))
  }

  clear(): void {
    clearTimeout(this.#handle)
    this.#handle = undefined
  }
}
