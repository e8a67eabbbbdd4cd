import { Random } from '../store/random.ts'
import type { BrokerHost } from './broker-process.ts'
import { Comings } from './comings.ts'
import { Keys } from './keys.ts'
import { Ledger } from './ledger.ts'
import { Load, type World } from './load.ts'
import { Topology } from './topology.ts'
import { Verification } from './verification.ts'

export interface KillRoundsOptions {
  readonly seed: number
  readonly rounds: number
  readonly bytesMax: number
  /** A broker with a directory of its own. */
  readonly newBroker: (number: number) => BrokerHost
  readonly say: (line: string) => void
  /** Ends at the first round that is not good. Default false. */
  readonly endsAtFault?: boolean
  /** The share of messages that are not persistent. Default 0.1. */
  readonly transientShare?: number
}

const FAULTS_SHOWN = 8
const LOAD_MS_MAX = 300
const MESSAGES_MAX = 1500

/** How a round ends. */
type Ending = 'killed' | 'stopped at rest' | 'stopped under load'

/** Rounds of load, end and verification; the state goes on from one to the next, and sometimes begins anew. */
export class KillRounds {
  readonly #options: KillRoundsOptions
  readonly #random: Random
  #broker!: BrokerHost
  #world!: World
  #isUsable = false
  #directories = 0

  constructor(options: KillRoundsOptions) {
    this.#options = options
    this.#random = new Random(options.seed)
  }

  /** @returns how many rounds were good, and how many were not. */
  async run(): Promise<{ passed: number; failed: number }> {
    const { rounds, say, endsAtFault = false } = this.#options
    let passed = 0
    let failed = 0
    try {
      for (let round = 1; round <= rounds && !(endsAtFault && failed > 0); round++) {
        const faults = await this.#guarded(round)
        if (faults.length === 0) passed++
        else {
          failed++
          say(`FAIL round ${round}, ${faults.length} faults:`)
          for (const fault of faults.slice(0, FAULTS_SHOWN)) say(`  ${fault}`)
          // What comes after a fault only tells of the same.
          await this.#broker.kill()
          this.#isUsable = false
        }
      }
    } finally {
      await this.#broker?.kill()
    }
    return { passed, failed }
  }

  async #guarded(round: number): Promise<readonly string[]> {
    try {
      if (!this.#isUsable || this.#random.chance(0.1)) await this.#anew()
      await this.#round(round)
    } catch (error) {
      this.#world.ledger.faults.push((error as Error).stack ?? String(error))
    }
    return this.#world.ledger.faults
  }

  /** A new broker with nothing in it but the topology. */
  async #anew(): Promise<void> {
    const { newBroker, bytesMax, transientShare = 0.1 } = this.#options
    if (this.#isUsable) await this.#broker.stop()
    this.#broker = newBroker(++this.#directories)
    const ledger = new Ledger()
    const topology = new Topology(ledger)
    const comings = new Comings(topology.comings)
    const keys = new Keys()
    const sizes = { bytesMax, sharedShare: 0.02, transientShare, messagesMax: MESSAGES_MAX }
    this.#world = { random: this.#random, ledger, topology, keys, comings, ...sizes }
    await this.#broker.start()
    this.#isUsable = true
    const client = await this.#broker.connect()
    await topology.declare(await client.openChannel())
    await client.close()
  }

  async #round(round: number): Promise<void> {
    const random = this.#random
    const { ledger } = this.#world
    const before = { published: ledger.published, confirmed: ledger.confirmed, acknowledged: ledger.acknowledged }
    const load = await Load.start(this.#world, this.#broker, round)
    const afterMs = random.chance(0.2) ? 0 : random.below(LOAD_MS_MAX)
    await new Promise((resolve) => setTimeout(resolve, afterMs))
    const ending = await this.#end(load)
    const extra = await this.#restart()
    const isExact = ending === 'stopped at rest' && extra === ''
    const found = await Verification.run(this.#world, this.#broker, isExact)
    const counted = [
      `${ledger.published - before.published} published`,
      `${ledger.confirmed - before.confirmed} confirmed`,
      `${ledger.acknowledged - before.acknowledged} acknowledged`,
      `${found} found`,
    ]
    this.#options.say(`round ${round}: ${ending} after ${afterMs} ms${extra}: ${counted.join(', ')}`)
  }

  async #end(load: Load): Promise<Ending> {
    const what = this.#random.below(20)
    if (what < 3) {
      await load.finish()
      await this.#broker.stop()
      await load.gone()
      return 'stopped at rest'
    }
    if (what === 3) {
      await this.#broker.stop()
      await load.gone()
      return 'stopped under load'
    }
    await this.#broker.kill()
    await load.gone()
    return 'killed'
  }

  /** Starts it again; it may be killed while it recovers, or while its queues are read, before it may go on. */
  async #restart(): Promise<string> {
    const random = this.#random
    let extra = ''
    while (random.chance(0.15)) {
      const afterMs = random.below(200)
      await this.#broker.startAndKill(afterMs)
      extra += `, killed ${afterMs} ms into the start`
    }
    await this.#broker.start()
    this.#world.ledger.restarted()
    if (random.chance(0.15)) {
      const afterMs = random.below(60)
      const verifying = Verification.run(this.#world, this.#broker, false).catch(() => 0)
      await new Promise((resolve) => setTimeout(resolve, afterMs))
      await this.#broker.kill()
      await verifying
      extra += `, killed ${afterMs} ms into reading`
      await this.#broker.start()
      this.#world.ledger.restarted()
    }
    return extra
  }
}
