import test from 'ava'
import { type Alarm, Clock, SystemAlarm, type Timer, Timers } from '../../src/base/index.ts'
import { Random } from '../amqp/random.ts'
import { until } from '../helpers/until.ts'

/** Remembers what it was asked for. */
class FakeAlarm implements Alarm {
  at = Number.POSITIVE_INFINITY
  sets = 0
  wake: () => void = () => {}

  set(at: number, wake: () => void): void {
    this.at = at
    this.wake = wake
    this.sets++
  }

  clear(): void {
    this.at = Number.POSITIVE_INFINITY
  }
}

class Bench {
  now = 1000
  readonly alarm = new FakeAlarm()
  readonly timers = new Timers(new Clock(() => this.now), this.alarm)
}

test('timers fire in the order of their time, whatever the order of scheduling', (t) => {
  const bench = new Bench()
  const fired: number[] = []
  for (const at of [1050, 1010, 1040, 1020, 1030]) bench.timers.schedule(at, () => fired.push(at))
  bench.now = 1035
  bench.timers.run()
  t.deepEqual(fired, [1010, 1020, 1030])
  t.is(bench.timers.size, 2)
  bench.now = 2000
  bench.timers.run()
  t.deepEqual(fired, [1010, 1020, 1030, 1040, 1050])
  t.is(bench.timers.size, 0)
})

test('a timer is not fired before its time, and once only', (t) => {
  const bench = new Bench()
  let fired = 0
  bench.timers.schedule(1010, () => fired++)
  bench.now = 1009
  bench.timers.run()
  t.is(fired, 0)
  bench.now = 1010
  bench.timers.run()
  bench.timers.run()
  t.is(fired, 1)
})

test('cancelling is final, may be repeated, and does not mind a timer that has fired', (t) => {
  const bench = new Bench()
  const fired: string[] = []
  const timer = bench.timers.schedule(1010, () => fired.push('a'))
  bench.timers.schedule(1020, () => fired.push('b'))
  bench.timers.cancel(timer)
  bench.timers.cancel(timer)
  bench.timers.cancel(undefined)
  const other = bench.timers.schedule(1015, () => fired.push('c'))
  bench.now = 2000
  bench.timers.run()
  bench.timers.cancel(other)
  t.deepEqual(fired, ['c', 'b'])
  t.is(bench.timers.size, 0)
})

test('a callback may schedule and cancel others; what it makes due is fired in the same run', (t) => {
  const bench = new Bench()
  const fired: string[] = []
  const cancelled = bench.timers.schedule(1020, () => fired.push('cancelled'))
  bench.timers.schedule(1010, () => {
    fired.push('first')
    bench.timers.cancel(cancelled)
    bench.timers.schedule(1015, () => fired.push('at once'))
    bench.timers.schedule(5000, () => fired.push('later'))
  })
  bench.now = 1030
  bench.timers.run()
  t.deepEqual(fired, ['first', 'at once'])
  t.is(bench.timers.size, 1)
  t.is(bench.alarm.at, 5000)
})

test('the alarm is set for the earliest timer, and not again for later ones', (t) => {
  const bench = new Bench()
  bench.timers.schedule(1100, () => {})
  t.is(bench.alarm.at, 1100)
  bench.timers.schedule(1200, () => {})
  t.deepEqual([bench.alarm.at, bench.alarm.sets], [1100, 1])
  bench.timers.schedule(1050, () => {})
  t.deepEqual([bench.alarm.at, bench.alarm.sets], [1050, 2])
  bench.now = 1060
  bench.alarm.wake()
  t.is(bench.alarm.at, 1100)
})

test('an alarm that rings for a cancelled timer sets itself for the next', (t) => {
  const bench = new Bench()
  const timer = bench.timers.schedule(1050, () => t.fail('was cancelled'))
  bench.timers.schedule(1100, () => {})
  bench.timers.cancel(timer)
  bench.now = 1050
  bench.alarm.wake()
  t.is(bench.alarm.at, 1100)
})

test('clearing fires nothing any more and stops the alarm', (t) => {
  const bench = new Bench()
  const timer = bench.timers.schedule(1050, () => t.fail('was cleared'))
  bench.timers.clear()
  t.is(bench.timers.size, 0)
  t.is(bench.alarm.at, Number.POSITIVE_INFINITY)
  bench.timers.cancel(timer)
  bench.now = 2000
  bench.timers.run()
  bench.timers.schedule(3000, () => {})
  t.is(bench.alarm.at, 3000)
})

test('the heap agrees with a sorted list under any order of scheduling, cancelling and time', (t) => {
  const first = Math.floor(Math.random() * 2 ** 31)
  t.log(`seeds from ${first}`)
  for (let seed = first; seed < first + 200; seed++) {
    const random = new Random(seed)
    const bench = new Bench()
    let model: { timer: Timer; at: number }[] = []
    const fired: Timer[] = []
    for (let step = 0; step < 300; step++) {
      const kind = random.below(10)
      if (kind < 6) {
        const at = bench.now + random.below(50) - 5
        const timer: Timer = bench.timers.schedule(at, () => fired.push(timer))
        model.push({ timer, at })
      } else if (kind < 8 && model.length > 0) {
        const entry = random.pick(model)
        bench.timers.cancel(entry.timer)
        model = model.filter((other) => other !== entry)
      } else {
        bench.now += random.below(20)
        bench.timers.run()
        const due = model.filter(({ at }) => at <= bench.now)
        model = model.filter(({ at }) => at > bench.now)
        const times = fired.map((timer) => timer.at)
        if (times.some((at, index) => index > 0 && at < (times[index - 1] as number))) {
          t.fail(`seed ${seed}: fired out of order: ${times}`)
        }
        if (new Set(fired).size !== due.length || due.some(({ timer }) => !fired.includes(timer))) {
          t.fail(`seed ${seed}: ${fired.length} fired, ${due.length} were due`)
        }
        fired.length = 0
        const earliest = Math.min(...model.map(({ at }) => at))
        if (bench.alarm.at > earliest) t.fail(`seed ${seed}: the alarm is late`)
      }
      if (bench.timers.size !== model.length) t.fail(`seed ${seed}: size is ${bench.timers.size}`)
    }
  }
  t.pass()
})

test('a callback that throws does not stop the timers after it', (t) => {
  const bench = new Bench()
  let fired = 0
  bench.timers.schedule(1010, () => {
    throw new Error('a defect')
  })
  bench.timers.schedule(1020, () => fired++)
  bench.now = 1010
  t.throws(() => bench.alarm.wake(), { message: 'a defect' })
  t.is(bench.alarm.at, 1020)
  bench.now = 1020
  bench.alarm.wake()
  t.is(fired, 1)
})

test('whoever asked hears after each run that timers have fired, also when one of them threw', (t) => {
  let now = 1000
  let runs = 0
  const timers = new Timers(new Clock(() => now), new FakeAlarm(), () => runs++)
  timers.schedule(1010, () => t.is(runs, 0))
  timers.schedule(1020, () => {
    throw new Error('a defect')
  })
  now = 1010
  timers.run()
  t.is(runs, 1)
  now = 1020
  t.throws(() => timers.run(), { message: 'a defect' })
  t.is(runs, 2)
})

test('the clock stands still until it is refreshed', (t) => {
  let now = 5
  const clock = new Clock(() => now)
  now = 9
  t.is(clock.now, 5)
  t.is(clock.refresh(), 9)
  t.is(clock.now, 9)
})

test('the time goes on evenly when the system’s clock is set back or forward', (t) => {
  const real = Date.now
  let stepMs = 0
  Date.now = () => real() + stepMs
  try {
    const clock = new Clock()
    const before = clock.now
    t.true(Math.abs(before - real()) < 60_000)
    for (stepMs of [-3_600_000, 3_600_000]) {
      clock.refresh()
      t.true(clock.now >= before && clock.now < before + 60_000, `${stepMs}`)
    }
  } finally {
    Date.now = real
  }
})

test('the system alarm wakes for the last moment it was set for, and not once cleared', async (t) => {
  const alarm = new SystemAlarm()
  const woken: string[] = []
  alarm.set(Date.now() + 1, () => woken.push('replaced'))
  alarm.set(Date.now() + 2, () => woken.push('set'))
  // It keeps no process alive, so something else has to, which waiting does.
  await until('the alarm', () => woken.length > 0)
  t.deepEqual(woken, ['set'])
  alarm.set(Date.now() - 1000, () => woken.push('past'))
  await until('an alarm for the past', () => woken.length > 1)
  alarm.set(Date.now() + 1, () => woken.push('cleared'))
  alarm.clear()
  const after = new SystemAlarm()
  await new Promise<void>((resolve) => {
    const keepAlive = setInterval(() => {}, 1000)
    after.set(Date.now() + 5, () => {
      clearInterval(keepAlive)
      resolve()
    })
  })
  t.deepEqual(woken, ['set', 'past'])
})

test('the system alarm can be asked for a moment in a thousand years', (t) => {
  const alarm = new SystemAlarm()
  alarm.set(Date.now() + 1000 * 365 * 24 * 3_600_000, () => t.fail('rang'))
  alarm.clear()
  t.pass()
})
