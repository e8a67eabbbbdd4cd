import { failure } from '../store/disk.ts'
import type { DiskLayer, DiskLayerOptions, Fault } from '../store/disk-layer.ts'
import type { Random } from '../store/random.ts'
import { pick } from './load.ts'

/** What a disk is like for a while. */
export type Sky =
  | 'fair'
  /** Nothing is written, or nothing to the journal, or nothing to segment files. */
  | 'refuses'
  | 'refuses journal'
  | 'refuses segments'
  /** There is no room for more. */
  | 'full'
  /** Files of messages cannot be read, or not be opened: an I/O error, or too many files are open. */
  | 'unreadable'
  | 'no descriptors'
  /** Some operations fail, others do not. */
  | 'unsteady'

const BAD: readonly Exclude<Sky, 'fair'>[] = [
  'refuses',
  'refuses journal',
  'refuses segments',
  'full',
  'unreadable',
  'no descriptors',
  'unsteady',
]
const SYNCS = ['fdatasync', 'syncDirectory']
const ROOM_BYTES_MAX = 3000

/** What happens to the disk of a broker, by and by. */
export class Weather {
  /** Whether the disk was ever bad to this broker. */
  wasBad = false
  readonly #random: Random
  readonly #layer: () => DiskLayer
  readonly #isSyncToo: boolean
  /** Of a sync that fails: after so many more. */
  #failingSync = 0

  /** @param isSyncToo whether reads fail that everything else waits for: then acknowledgements may. */
  constructor(random: Random, layer: () => DiskLayer, isSyncToo: boolean) {
    this.#random = random
    this.#layer = layer
    this.#isSyncToo = isSyncToo
  }

  /** It changes, perhaps. */
  change(): void {
    this.set(this.#random.chance(0.5) ? 'fair' : pick(this.#random, BAD))
  }

  set(sky: Sky): void {
    if (sky !== 'fair') this.wasBad = true
    const layer = this.#layer()
    const { random } = layer.options
    layer.options = { ...(random === undefined ? {} : { random }), ...this.optionsOf(sky) }
  }

  /** One of the next syncs fails, and what it was to save is lost. */
  breakSync(): void {
    this.wasBad = true
    this.#failingSync = this.#random.between(1, 30)
    this.set('fair')
  }

  /** @param where the files are that cannot be read. */
  optionsOf(sky: Sky, where = '/segments/'): DiskLayerOptions {
    const random = this.#random
    const codes = sky === 'full' ? ['ENOSPC'] : ['EIO', 'ENOSPC', 'EMFILE']
    const fault = (operation: string, path: string): Fault | undefined => {
      const isSync = SYNCS.includes(operation)
      if (isSync && this.#failingSync > 0 && --this.#failingSync === 0) {
        return { error: failure('EIO', path, operation), drops: operation === 'fdatasync' && random.chance(0.7) }
      }
      if (path.includes('lock.')) return undefined
      // Too many files are open to open the directory: it was never synced.
      if (operation === 'syncDirectory') {
        return sky !== 'fair' && sky !== 'full' && random.chance(0.2)
          ? { error: failure('EMFILE', path, 'open') }
          : undefined
      }
      if (isSync || (operation === 'unlink' && sky === 'full')) return undefined
      const isHit =
        sky === 'refuses' ||
        (sky === 'refuses journal' && path.includes('/journal/')) ||
        (sky === 'refuses segments' && path.includes('/segments/')) ||
        (sky === 'unsteady' && random.chance(0.3))
      return isHit ? { error: failure(pick(random, codes), path, operation) } : undefined
    }
    const isMissed = (path: string, isSync: boolean): boolean => {
      if (!path.includes(where) || (isSync && !this.#isSyncToo)) return false
      return sky === 'unreadable' || sky === 'no descriptors' || (sky === 'unsteady' && random.chance(0.3))
    }
    return {
      fault,
      openFault: (path, isSync) =>
        sky !== 'unreadable' && isMissed(path, isSync) ? failure('EMFILE', path, 'open') : undefined,
      readFault: (path, _at, _length, isSync) =>
        sky !== 'no descriptors' && isMissed(path, isSync) ? failure('EIO', path, 'read') : undefined,
      ...(sky === 'full' ? { capacityBytes: this.#layer().disk.usedBytes + random.between(0, ROOM_BYTES_MAX) } : {}),
    }
  }
}
