import { type Clock, steadyNow } from './clock.ts'

/** A moment at which something is due; keep it to cancel it. */
export class Timer {
  readonly at: number
  callback: (() => void) | undefined
  /** Position in the heap, -1 once fired or cancelled. */
  index = -1

  constructor(at: number, callback: () => void) {
    this.at = at
    this.callback = callback
  }
}

/** What wakes the timers from outside: the process's own timer, or a test. */
export interface Alarm {
  /** Asks for `wake` at the given time (ms since the epoch); a later call replaces an earlier one. */
  set(at: number, wake: () => void): void
  clear(): void
}

/** The process's timer; it never keeps the process alive. */
export class SystemAlarm implements Alarm {
  #handle: NodeJS.Timeout | undefined

  set(at: number, wake: () => void): void {
    clearTimeout(this.#handle)
    // setTimeout takes 31 bits; a farther moment is simply asked for again.
    const delay = Math.min(Math.max(at - steadyNow(), 0), 0x7fffffff)
    this.#handle = setTimeout(wake, delay)
    this.#handle.unref()
  }

  clear(): void {
    clearTimeout(this.#handle)
    this.#handle = undefined
  }
}

/**
 * All timers of a broker behind one system timer: a binary heap by due time. A Node timer per queue or message
 * would cost an object and two list operations each.
 */
export class Timers {
  readonly #clock: Clock
  readonly #alarm: Alarm
  readonly #afterRun: () => void
  readonly #heap: Timer[] = []
  #armedAt = Number.POSITIVE_INFINITY
  readonly #wake = (): void => this.run()

  /** @param afterRun called each time that timers have fired: what they did may need a turn. */
  constructor(clock: Clock, alarm: Alarm = new SystemAlarm(), afterRun: () => void = () => {}) {
    this.#clock = clock
    this.#alarm = alarm
    this.#afterRun = afterRun
  }

  get size(): number {
    return this.#heap.length
  }

  /** Calls back once at `at` (ms since the epoch) or as soon after it as the loop allows. */
  schedule(at: number, callback: () => void): Timer {
    const timer = new Timer(at, callback)
    timer.index = this.#heap.length
    this.#heap.push(timer)
    this.#rise(timer.index)
    this.#arm()
    return timer
  }

  cancel(timer: Timer | undefined): void {
    if (timer === undefined || timer.index < 0) return
    this.#remove(timer.index)
    timer.callback = undefined
  }

  /** Fires what is due; called by the alarm, and by tests that own the clock. */
  run(): void {
    // Callbacks schedule others: the alarm is set once, when all that is due has been fired.
    this.#armedAt = Number.NEGATIVE_INFINITY
    const now = this.#clock.refresh()
    try {
      for (let first = this.#heap[0]; first !== undefined && first.at <= now; first = this.#heap[0]) {
        this.#remove(0)
        const callback = first.callback
        first.callback = undefined
        callback?.()
      }
    } finally {
      this.#armedAt = Number.POSITIVE_INFINITY
      this.#arm()
      this.#afterRun()
    }
  }

  clear(): void {
    for (const timer of this.#heap) {
      timer.index = -1
      timer.callback = undefined
    }
    this.#heap.length = 0
    this.#alarm.clear()
    this.#armedAt = Number.POSITIVE_INFINITY
  }

  #arm(): void {
    const first = this.#heap[0]
    if (first === undefined || first.at >= this.#armedAt) return
    this.#armedAt = first.at
    this.#alarm.set(first.at, this.#wake)
  }

  #remove(index: number): void {
    const heap = this.#heap
    const removed = heap[index] as Timer
    const last = heap.pop() as Timer
    removed.index = -1
    if (last === removed) return
    heap[index] = last
    last.index = index
    this.#sink(index)
    this.#rise(last.index)
  }

  #rise(index: number): void {
    const heap = this.#heap
    const timer = heap[index] as Timer
    while (index > 0) {
      const parentIndex = (index - 1) >> 1
      const parent = heap[parentIndex] as Timer
      if (parent.at <= timer.at) break
      heap[index] = parent
      parent.index = index
      index = parentIndex
    }
    heap[index] = timer
    timer.index = index
  }

  #sink(index: number): void {
    const heap = this.#heap
    const timer = heap[index] as Timer
    for (;;) {
      let child = 2 * index + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && (heap[child + 1] as Timer).at < (heap[child] as Timer).at) child++
      const smaller = heap[child] as Timer
      if (smaller.at >= timer.at) break
      heap[index] = smaller
      smaller.index = index
      index = child
    }
    heap[index] = timer
    timer.index = index
  }
}
