import test from 'ava'
import { type Alarm, Clock, Timers } from '../../src/base/index.ts'
import { DiskWatch } from '../../src/broker/disk-watch.ts'
import { RecordingLogger } from '../helpers/recording-logger.ts'

const MB = 1_000_000
const TOTAL = 1000_000 * MB

/** A watch whose disk and time are the test's. */
class Watched {
  now = 1_000_000
  low: boolean | undefined
  /** What the disk says next: free bytes, an error, or nothing yet. */
  answer: number | Error | undefined
  totalBytes = TOTAL
  readonly asked: number[] = []
  readonly relieved: number[] = []
  readonly log = new RecordingLogger()
  readonly watch: DiskWatch
  readonly timers: Timers
  #dueAt = Number.POSITIVE_INFINITY
  #wake: () => void = () => {}

  constructor(answer: number | Error | undefined, freeLimit = 50 * MB) {
    this.answer = answer
    const clock = new Clock(() => this.now)
    const alarm: Alarm = {
      set: (at, wake) => {
        this.#dueAt = at
        this.#wake = wake
      },
      clear: () => {
        this.#dueAt = Number.POSITIVE_INFINITY
      },
    }
    this.timers = new Timers(clock, alarm)
    const space = async () => {
      this.asked.push(this.now)
      if (this.answer instanceof Error) throw this.answer
      if (this.answer === undefined) return new Promise<never>(() => {})
      return { freeBytes: this.answer, totalBytes: this.totalBytes }
    }
    this.watch = new DiskWatch(
      { freeLimit, space, relieve: (free) => this.relieved.push(free) },
      clock,
      this.timers,
      this.log,
      () => {
        this.low = this.watch.low
      },
    )
    this.watch.start()
  }

  /** @returns after how many ms it asked again. */
  async nextAfter(): Promise<number> {
    await new Promise((resolve) => setImmediate(resolve))
    const before = this.now
    if (this.timers.size === 0) return Number.POSITIVE_INFINITY
    this.now = this.#dueAt
    this.#wake()
    return this.now - before
  }
}

test('the disk is asked at once, and then the more often the less room there is above the limit', async (t) => {
  const watched = new Watched(TOTAL)
  t.is(watched.asked.length, 1)
  const answers: [freeBytes: number, waitMs: number][] = [
    [TOTAL, 10_000],
    [550 * MB, 4000],
    [175 * MB, 1000],
    [62.5 * MB, 100],
    [50 * MB, 100],
    [TOTAL, 10_000],
  ]
  for (const [freeBytes, waitMs] of answers) {
    watched.answer = freeBytes
    await watched.nextAfter()
    t.is(await watched.nextAfter(), waitMs, `${freeBytes} bytes free`)
  }
  t.is(watched.low, undefined)
})

test('with too little room it looks each second until there is a tenth more than the limit', async (t) => {
  const watched = new Watched(50 * MB - 1)
  t.is(await watched.nextAfter(), 1000)
  t.true(watched.low)
  watched.answer = 54 * MB
  await watched.nextAfter()
  t.is(await watched.nextAfter(), 1000)
  t.true(watched.low)
  watched.answer = 56 * MB
  await watched.nextAfter()
  t.is(await watched.nextAfter(), 100)
  t.false(watched.low)
  t.deepEqual(
    watched.log.lines.map(({ level, message }) => `${level} ${message}`),
    [
      'warn disk alarm: 47.7 MiB of 953674.3 MiB are free, the limit is 47.7 MiB; publishers are blocked until there is room: remove other files, or let consumers empty queues',
      'info disk alarm cleared: 53.4 MiB of 953674.3 MiB are free',
    ],
  )
})

test('a disk hardly larger than the limit is not waited for to have a tenth more', async (t) => {
  const watched = new Watched(50 * MB - 1)
  watched.totalBytes = 54 * MB
  await watched.nextAfter()
  watched.answer = 50.1 * MB
  await watched.nextAfter()
  await watched.nextAfter()
  t.true(watched.low)
  watched.answer = 50.2 * MB
  await watched.nextAfter()
  await watched.nextAfter()
  t.false(watched.low)
})

test('with too little room it says so at each look, so that what is kept without need goes', async (t) => {
  const watched = new Watched(60 * MB)
  await watched.nextAfter()
  t.deepEqual(watched.relieved, [])
  watched.answer = 40 * MB
  await watched.nextAfter()
  await watched.nextAfter()
  t.deepEqual(watched.relieved, [40 * MB, 40 * MB])
})

test('a disk that does not answer is not asked again until it has', async (t) => {
  const watched = new Watched(undefined)
  t.is(await watched.nextAfter(), Number.POSITIVE_INFINITY)
  t.is(watched.asked.length, 1)
})

for (const [what, answer, totalBytes] of [
  ['cannot be asked', new Error('EIO: i/o error, statfs'), TOTAL],
  ['does not know its size', 0, 0],
] as const) {
  test(`a disk that ${what} is no alarm, and is said once`, async (t) => {
    const watched = new Watched(TOTAL)
    watched.answer = answer
    watched.totalBytes = totalBytes
    for (let i = 0; i < 3; i++) t.is(await watched.nextAfter(), 10_000)
    await watched.nextAfter()
    t.is(watched.log.lines.length, 1)
    t.regex(watched.log.lines[0]?.message ?? '', /^cannot find out how much room the disk has: /)
    t.is(watched.low, undefined)
  })
}

test('an alarm stays while the disk cannot be asked', async (t) => {
  const watched = new Watched(0)
  await watched.nextAfter()
  watched.answer = new Error('EIO: i/o error, statfs')
  await watched.nextAfter()
  await watched.nextAfter()
  t.true(watched.low)
})

test('a limit of 0 asks nobody', (t) => {
  t.is(new Watched(0, 0).asked.length, 0)
})

test('once stopped it asks nobody, and an answer that comes late changes nothing', async (t) => {
  const watched = new Watched(0)
  watched.watch.stop()
  t.is(await watched.nextAfter(), Number.POSITIVE_INFINITY)
  t.is(watched.low, undefined)
  const waiting = new Watched(TOTAL)
  await new Promise((resolve) => setImmediate(resolve))
  waiting.watch.stop()
  t.is(waiting.timers.size, 0)
})
