import test from 'ava'
import { Clock, silentLogger, Timers } from '../../../src/base/index.ts'
import type { BrokerContext } from '../../../src/broker/index.ts'
import { Relief } from '../../../src/broker/storage/relief.ts'
import type { BrokerNode } from '../../../src/server/node.ts'
import type { FileSystemSpace } from '../../../src/store/index.ts'
import { openNode } from '../../durability/open-node.ts'
import { RecordingLogger } from '../../helpers/recording-logger.ts'
import { until } from '../../helpers/until.ts'
import { Disk, failure } from '../../store/disk.ts'
import { DiskLayer, type DiskLayerOptions } from '../../store/disk-layer.ts'

// So small that what every broker stores is worth it.
const OPTIONS = { journalBytes: 1 << 20, reserveBytes: 1 << 10 }
const RESERVE = '/data/reserve'

/** Something worth a reserve. */
function store(node: BrokerNode): void {
  node.addVirtualHost('v'.repeat(250))
  node.context.turn.schedule()
}

function layerWith(fault: NonNullable<DiskLayerOptions['fault']>): DiskLayer {
  return new DiskLayer(new Disk(), { fault })
}

test('a broker makes its reserve when there is something that it could save', async (t) => {
  const layer = layerWith(() => undefined)
  const node = await openNode(layer, { ...OPTIONS, reserveBytes: 1 << 16 })
  const addVirtualHost = (name: string) => {
    node.addVirtualHost(name)
    node.context.turn.schedule()
    return until('it is stored', () => node.context.journal.completed === node.context.journal.appended)
  }
  await addVirtualHost('a')
  t.is(layer.disk.find(RESERVE), undefined)
  for (let count = 0; layer.disk.find(RESERVE) === undefined && count < 500; count++) {
    await addVirtualHost(`${count}`.padEnd(250))
  }
  t.not(layer.disk.find(RESERVE), undefined)
  await node.close()
})

test('a reserve that cannot be made although there is room blocks nobody', async (t) => {
  const log = new RecordingLogger()
  let isRemoved = false
  const layer = layerWith((operation, path) => {
    if (path === RESERVE) isRemoved ||= operation === 'unlink'
    return operation === 'open' && path === RESERVE ? { error: failure('EACCES', path) } : undefined
  })
  const node = await openNode(layer, { ...OPTIONS, log })
  store(node)
  await until('the end of what was tried', () => isRemoved)
  for (let turns = 0; turns < 20; turns++) await new Promise((resolve) => setImmediate(resolve))
  t.true(log.find(`cannot make the reserve ${RESERVE}`) !== undefined)
  t.is(node.alarms.reason, undefined)
  t.false(node.context.storage.isTight)
  await node.close()
})

test('publishers go on when there is room again, also when the reserve cannot be made anew', async (t) => {
  let isFull = false
  let isBroken = false
  const layer = layerWith((operation, path) => {
    if (isBroken && operation === 'open' && path === RESERVE) return { error: failure('EIO', path) }
    if (!isFull || !operation.startsWith('write')) return undefined
    isFull = false
    return { error: failure('ENOSPC', path) }
  })
  const node = await openNode(layer, OPTIONS)
  store(node)
  await until('the reserve', () => layer.disk.find(RESERVE) !== undefined)
  isFull = true
  isBroken = true
  node.addVirtualHost('other')
  node.context.turn.schedule()
  await until('the alarm', () => node.alarms.reason === 'low on disk')
  await until('its end', () => node.alarms.reason === undefined)
  t.is(node.context.journal.completed, node.context.journal.appended)
  await node.close()
})

test('a broker that is stopped while it looks for room does not begin with the reserve', async (t) => {
  let made = 0
  const layer = layerWith((operation, path) => {
    if (operation === 'open' && path === RESERVE) made++
    return undefined
  })
  const space: FileSystemSpace = { freeBytes: 1 << 30, totalBytes: 1 << 30 }
  let answer: (() => void) | undefined
  let isHeld = false
  layer.statfs = () =>
    isHeld && answer === undefined
      ? new Promise((resolve) => (answer = () => resolve(space)))
      : Promise.resolve(isHeld ? space : { ...space, freeBytes: 0 })
  const node = await openNode(layer, OPTIONS)
  t.is(node.alarms.reason, 'low on disk')
  isHeld = true
  await until('a look', () => answer !== undefined)
  const closing = node.close()
  answer?.()
  await closing
  t.is(made, 0)
  t.is(layer.opened.size, 0)
})

for (const [costMs, most] of [
  [0, 40],
  [100, 5],
] as const) {
  test(`of 10 s on a full disk little is spent on finding out what could be freed, at ${costMs} ms each`, async (t) => {
    let now = 0
    let asked = 0
    const clock = new Clock(() => now)
    const timers = new Timers(clock, { set: () => undefined, clear: () => undefined })
    const storage = { isTight: false, settlements: { flush: () => undefined }, sweep: () => undefined }
    const journal = { pendingBytes: 0, commit: () => undefined }
    const context = { clock, timers, storage, journal, log: silentLogger } as unknown as BrokerContext
    const giveUp = () => Promise.resolve(false)
    const relief = new Relief(context, {
      reserve: { bytes: 1000, isHeld: false, find: giveUp, make: giveUp, giveUp, abandon: () => Promise.resolve() },
      checkpointer: {
        isRunning: false,
        relieve: () => {
          asked++
          now += costMs
        },
      },
      failure: () => undefined,
      space: () => Promise.resolve({ freeBytes: 500, totalBytes: 10_000 }),
      storedBytes: () => 0,
      changed: () => undefined,
    })
    relief.tighten()
    while (now < 10_000) {
      now += 250
      timers.run()
      await new Promise((resolve) => setImmediate(resolve))
    }
    await relief.stop()
    t.true(asked > most / 2 && asked <= most, `${asked}`)
  })
}
