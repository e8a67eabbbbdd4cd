import test from 'ava'
import type { FileSystemSpace } from '../../../src/store/index.ts'
import { openNode } from '../../durability/open-node.ts'
import { RecordingLogger } from '../../helpers/recording-logger.ts'
import { until } from '../../helpers/until.ts'
import { Disk, failure } from '../../store/disk.ts'
import { DiskLayer, type DiskLayerOptions } from '../../store/disk-layer.ts'

const OPTIONS = { journalBytes: 1 << 20, reserveBytes: 1 << 20 }
const RESERVE = '/data/reserve'

function layerWith(fault: NonNullable<DiskLayerOptions['fault']>): DiskLayer {
  return new DiskLayer(new Disk(), { fault })
}

test('a reserve that cannot be made although there is room blocks nobody', async (t) => {
  const log = new RecordingLogger()
  let isRemoved = false
  const layer = layerWith((operation, path) => {
    if (path === RESERVE) isRemoved ||= operation === 'unlink'
    return operation === 'open' && path === RESERVE ? { error: failure('EACCES', path) } : undefined
  })
  const node = await openNode(layer, { ...OPTIONS, log })
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
