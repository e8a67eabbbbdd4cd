import { RecordingLogger } from '../helpers/recording-logger.ts'
import { Disk, failure } from '../store/disk.ts'
import type { DiskLayer, Fault } from '../store/disk-layer.ts'
import { Random } from '../store/random.ts'
import { Load, turn } from './load.ts'
import { NodeHost } from './node-host.ts'
import { newWorld } from './power-cuts.ts'
import { Verification } from './verification.ts'

/** What happens to the disk while a broker is at work. */
export type FaultKind = 'refuses' | 'takes less' | 'full' | 'sync fails'

export const FAULT_KINDS: readonly FaultKind[] = ['refuses', 'takes less', 'full', 'sync fails']

const SYNCS = ['fdatasync', 'syncDirectory']
const FAULTY_OPERATIONS_MAX = 5
const FIRST_OPERATION_MAX = 60
const TURNS_MAX = 60
const START_OPERATIONS_MAX = 25
const ROOM_BYTES_MAX = 3000
/** What the log says of a journal that has met the end of the disk. */
const REFUSED = /the journal cannot be written|the reserve .* is given up/

/** What came of a run, to see that there was a fault at all. */
export interface FaultPlayed {
  /** Operations that met the fault. */
  readonly faults: number
  readonly found: number
}

/**
 * A broker at work on a disk that refuses something at a random operation. Where that is not a sync it goes on when the
 * disk does; after a failed sync it ends. Either way the next start has what was confirmed.
 * @throws Error that lists what is wrong.
 */
export async function playFaults(seed: number, kind: FaultKind): Promise<FaultPlayed> {
  const random = new Random(seed)
  const world = newWorld(random)
  const { ledger, topology } = world
  const log = new RecordingLogger()
  let tellFatal: (() => void) | undefined
  const fatal = new Promise<'fatal'>((resolve) => {
    tellFatal = () => resolve('fatal')
  })
  const host = new NodeHost(new Disk(), random, {
    journalBytes: random.between(2000, 60_000),
    reserveBytes: random.chance(0.5) ? 0 : random.between(500, 5000),
    // So small that a turn's records are parted, and a large one is a batch of its own.
    retryMs: 5,
    batchBytes: random.between(200, 4000),
    messageMemory: 64 * 1024,
    sync: 'always',
    log,
    onFatal: () => tellFatal?.(),
  })
  await host.start()
  const client = await host.connect()
  await topology.declare(await client.openChannel())
  await client.close()
  const trouble = new Trouble(kind, random, host.layer)
  const load = await Load.start(world, host, 1)
  for (let turns = random.below(TURNS_MAX); turns > 0; turns--) await turn()
  const finished = load.finish().then(() => 'finished' as const)
  const gone = load.gone()
  if (kind === 'full') await trouble.pass()
  const outcome = await Promise.race([finished, fatal])
  const faults = kind === 'full' ? log.lines.filter(({ message }) => REFUSED.test(message)).length : trouble.faults
  trouble.end()
  const isExact = outcome === 'finished' && random.chance(0.5)
  if (isExact) await host.stop()
  else await host.kill()
  await Promise.allSettled([finished, gone])
  const isTroubled = random.chance(0.7)
  if (isTroubled) await startInTrouble(host, random)
  await host.start()
  ledger.restarted()
  const found = await Verification.run(world, host, isExact && !isTroubled)
  await host.stop()
  const expected = kind === 'sync fails' && faults > 0 ? 'fatal' : 'finished'
  if (outcome !== expected) ledger.faults.push(`${faults} faults, and it ${outcome} instead of ${expected}`)
  if (ledger.faults.length > 0) throw new Error(ledger.faults.slice(0, 10).join('\n'))
  return { faults, found }
}

/** A start on a disk that refuses something once: it comes to an end, one way or the other, and harms nothing. */
async function startInTrouble(host: NodeHost, random: Random): Promise<void> {
  let left = random.between(1, START_OPERATIONS_MAX)
  const code = random.chance(0.5) ? 'EIO' : 'ENOSPC'
  host.next = { fault: (operation, path) => (--left === 0 ? { error: failure(code, path, operation) } : undefined) }
  await host.start().catch(() => undefined)
  await host.kill()
}

/** Makes a disk's life hard from some operation on. */
class Trouble {
  faults = 0
  readonly #kind: FaultKind
  readonly #random: Random
  readonly #layer: DiskLayer
  readonly #from: number
  #left: number

  constructor(kind: FaultKind, random: Random, layer: DiskLayer) {
    this.#kind = kind
    this.#random = random
    this.#layer = layer
    this.#from = layer.operations + random.between(1, FIRST_OPERATION_MAX)
    this.#left = kind === 'sync fails' ? 1 : random.between(1, FAULTY_OPERATIONS_MAX)
    if (kind === 'full') {
      const capacityBytes = layer.disk.usedBytes + random.between(0, ROOM_BYTES_MAX)
      layer.options = { ...layer.options, capacityBytes }
    } else layer.options = { ...layer.options, fault: (operation, path) => this.#fault(operation, path) }
  }

  /** The disk stays full for a while; then there is room. */
  async pass(): Promise<void> {
    for (let turns = 0; turns < 200; turns++) await turn()
    this.end()
  }

  end(): void {
    const { random } = this.#layer.options
    this.#layer.options = random === undefined ? {} : { random }
  }

  #fault(operation: string, path: string): Fault | undefined {
    if (this.#layer.operations < this.#from || this.#left === 0) return undefined
    // Whether a lock can be had is not the question here, nor whether an unlink succeeds that nobody waits for.
    if (SYNCS.includes(operation) !== (this.#kind === 'sync fails') || operation === 'unlink') return undefined
    if (this.#kind === 'takes less') {
      if (!operation.startsWith('write')) return undefined
      this.faults++
      this.#left--
      return { takes: this.#random.between(0, 40) }
    }
    this.faults++
    this.#left--
    return { error: failure(this.#random.chance(0.5) ? 'EIO' : 'ENOSPC', path, operation) }
  }
}
