import { Disk } from '../store/disk.ts'
import { Random } from '../store/random.ts'
import { Comings } from './comings.ts'
import { Keys } from './keys.ts'
import { Ledger } from './ledger.ts'
import { Load, turn, type World } from './load.ts'
import { NodeHost } from './node-host.ts'
import { Topology } from './topology.ts'
import { Verification } from './verification.ts'

const LIVES_MAX = 4
const OPERATIONS_MAX = 120
/** So many times as many where much is moved to files. */
const SHARED_FACTOR = 6
const TURNS_MAX = 60
const FAN = 3

/** What came of a run, to see that there was something to lose. */
export interface Played {
  cuts: number
  /** Files of bodies that several queues had, seen at the end of each life. */
  shared: number
  stops: number
  found: number
  confirmed: number
}

/**
 * A broker whose power goes at a random write, sync, rename or removal, several times over; each time it starts on what
 * the disk still has, which is compared with what it had said.
 * @throws Error that lists what is wrong.
 */
export async function playPowerCuts(seed: number): Promise<Played> {
  const random = new Random(seed)
  const world = newWorld(random)
  const host = new NodeHost(new Disk(), random, {
    journalBytes: random.between(2000, 60_000),
    // So small that a turn's records are parted, and a large one is a batch of its own.
    batchBytes: random.between(200, 4000),
    messageMemory: 64 * 1024,
    sync: 'always',
  })
  const played: Played = { cuts: 0, shared: 0, stops: 0, found: 0, confirmed: 0 }
  const run = new Lives(world, host, played)
  for (let lives = random.between(1, LIVES_MAX); lives > 0; lives--) await run.live(true)
  await run.live(false)
  played.confirmed = world.ledger.confirmed
  return played
}

/** Nobody has published anything yet; few queues, and bodies that may need files of their own. */
export function newWorld(random: Random): World {
  const ledger = new Ledger()
  // Often the time of a message comes under load, shortly before the power goes.
  const isQuick = random.chance(0.6)
  const times = { delayMs: [1, isQuick ? 6 : 200] as const, ttlMs: isQuick ? 3 : 200 }
  const topology = new Topology(ledger, { fanQueues: FAN, ...times })
  return {
    random,
    ledger,
    topology,
    keys: new Keys(),
    comings: new Comings(topology.comings),
    bytesMax: random.chance(0.5) ? 60_000 : 300,
    sharedShare: random.chance(0.4) ? 0.5 : 0,
    messagesMax: 60,
    transientShare: 0.1,
  }
}

class Lives {
  readonly #world: World
  readonly #host: NodeHost
  readonly #played: Played
  #isDeclared = false
  #hasStopped = false
  #round = 0

  constructor(world: World, host: NodeHost, played: Played) {
    this.#world = world
    this.#host = host
    this.#played = played
  }

  async live(mayBeCut: boolean): Promise<void> {
    const { random, ledger } = this.#world
    const host = this.#host
    const operations = this.#world.sharedShare > 0 ? OPERATIONS_MAX * SHARED_FACTOR : OPERATIONS_MAX
    if (mayBeCut) host.next = { cutAt: random.between(1, operations) }
    try {
      await this.#live(mayBeCut)
    } catch (error) {
      if (!host.layer.isCut) throw error
    }
    if (host.layer.isCut && !this.#hasStopped) {
      this.#played.cuts++
      await host.kill()
    }
    // A power cut takes nothing that somebody relies on.
    ledger.faults.push(...host.damagedFiles.map((name) => `taken for damaged: ${name}`))
    if (ledger.faults.length > 0) throw new Error(ledger.faults.slice(0, 10).join('\n'))
  }

  async #live(mayBeCut: boolean): Promise<void> {
    const { random, ledger, topology } = this.#world
    const isExact = this.#hasStopped
    this.#hasStopped = false
    await this.#host.start()
    ledger.restarted()
    if (this.#isDeclared) this.#played.found += await Verification.run(this.#world, this.#host, isExact)
    else {
      const client = await this.#host.connect()
      await topology.declare(await client.openChannel())
      await client.close()
      this.#isDeclared = true
    }
    const load = await Load.start(this.#world, this.#host, ++this.#round)
    try {
      for (let turns = random.below(TURNS_MAX); turns > 0; turns--) await turn()
      if (mayBeCut && random.chance(0.6)) {
        await Promise.race([this.#host.layer.cut, patience()])
        if (!this.#host.layer.isCut) await this.#host.kill()
        return
      }
      await load.finish()
      await this.#host.stop()
      this.#hasStopped = true
      this.#played.stops++
    } finally {
      this.#played.shared += [...this.#host.bodyFiles].length
      await load.gone()
    }
  }
}

/** Not every load comes to the operation at which the power was to go. */
async function patience(): Promise<void> {
  for (let turns = 0; turns < 200; turns++) await turn()
}
