import { RecordingLogger } from '../helpers/recording-logger.ts'
import { Disk } from '../store/disk.ts'
import { Random } from '../store/random.ts'
import { Load, pick, turn, type World } from './load.ts'
import { NodeHost } from './node-host.ts'
import { newWorld } from './power-cuts.ts'
import { SideHost } from './side-host.ts'
import { Verification } from './verification.ts'
import { type Sky, Weather } from './weather.ts'

const LIVES_MAX = 3
const TURNS_MAX = 150
const PATIENCE_TURNS = 3000
const SYNCS = ['always', 'always', 'interval', 'off'] as const
const START_SKIES: readonly Sky[] = ['unsteady', 'refuses', 'refuses journal', 'full', 'unreadable', 'no descriptors']

/** What came of a run, to see that there was something to lose. */
export interface TroublesPlayed {
  stops: number
  /** Stops that the disk did not let come to their end. */
  refused: number
  kills: number
  cuts: number
  fatal: number
  failedStarts: number
  found: number
}

/**
 * Several lives of a broker on a disk that is now good, now bad: it refuses, is full, cannot be read, and what was going
 * on may go on when it is good again, or when the broker has begun to stop. Each life ends in order, by a kill or by a
 * power cut; the next must have what was confirmed.
 * @param judgesLetterFlags false to leave open whether a dead letter that comes once more is flagged redelivered
 * @throws Error that lists what is wrong.
 */
export async function playTroubles(seed: number, judgesLetterFlags = true): Promise<TroublesPlayed> {
  const played = { stops: 0, refused: 0, kills: 0, cuts: 0, fatal: 0, failedStarts: 0, found: 0 }
  await new Troubles(new Random(seed), played, judgesLetterFlags).play()
  return played
}

class Troubles {
  readonly #random: Random
  readonly #world: World
  readonly #host: NodeHost
  readonly #weather: Weather
  readonly #side: SideHost
  readonly #played: TroublesPlayed
  readonly #sync: (typeof SYNCS)[number]
  #isFatal = false
  #log = new RecordingLogger()

  constructor(random: Random, played: TroublesPlayed, judgesLetterFlags: boolean) {
    this.#random = random
    this.#played = played
    this.#world = newWorld(random)
    this.#sync = pick(random, SYNCS)
    this.#side = new SideHost(random)
    this.#host = new NodeHost(new Disk(), random, {
      journalBytes: random.between(2000, 60_000),
      reserveBytes: random.chance(0.5) ? 0 : random.between(500, 5000),
      retryMs: 5,
      batchBytes: random.between(200, 4000),
      messageMemory: random.chance(0.5) ? 64 * 1024 : random.between(0, 16) * 1024,
      sync: this.#sync,
      syncIntervalMs: 5,
      log: this.#log,
      onFatal: () => {
        this.#isFatal = true
        this.#host.abort()
      },
    })
    const isSyncToo = random.chance(0.5)
    this.#weather = new Weather(random, () => this.#host.layer, isSyncToo)
    this.#world.ledger.acksMayFail = isSyncToo
    this.#world.ledger.judgesLetterFlags = judgesLetterFlags
  }

  async play(): Promise<void> {
    const { topology } = this.#world
    await this.#host.start()
    const client = await this.#host.connect()
    await topology.declare(await client.openChannel())
    await client.close()
    this.#side.renew(this.#host.node)
    for (let lives = this.#random.between(1, LIVES_MAX); lives > 0; lives--) {
      await this.#live(lives)
      if (this.#random.chance(0.4)) await this.#startInTrouble()
      await this.#host.start()
      await this.#verify()
    }
    await this.#host.stop()
  }

  async #live(round: number): Promise<void> {
    const random = this.#random
    const host = this.#host
    const { layer, node } = host
    this.#isFatal = false
    const load = await Load.start(this.#world, host, round)
    const changeChance = pick(random, [0, 0.05, 0.3])
    if (this.#sync === 'always' && random.chance(0.15)) this.#weather.breakSync()
    for (let turns = random.below(TURNS_MAX); turns > 0; turns--) {
      if (random.chance(changeChance)) this.#weather.change()
      if (!this.#isFatal && random.chance(0.7)) this.#side.step(node, () => layer.isCut)
      await turn()
    }
    if (this.#isFatal) this.#played.fatal++
    await this.#end(load)
    await load.gone()
    this.#check()
  }

  /** One way or the other. */
  async #end(load: Load): Promise<void> {
    const random = this.#random
    const host = this.#host
    const way = random.below(6)
    if (way < 4) {
      this.#played.stops++
      const refusal = await this.#stop()
      if (refusal !== undefined) this.#played.refused++
      // Without a sync each time, what is not synced by now never was.
      if (random.chance(0.5) && (this.#sync === 'always' || refusal === undefined)) host.cutPower()
    } else if (way === 4) {
      this.#played.kills++
      host.end()
    } else {
      if (this.#sync !== 'always') await this.#syncAll(load)
      this.#played.cuts++
      await host.kill()
    }
  }

  /** A power cut takes what was not synced: nothing by then, since everybody has stopped. */
  async #syncAll(load: Load): Promise<void> {
    this.#weather.set('fair')
    await load.finish()
    await this.#host.node.context.journal.flush()
  }

  /** Stops in order while the disk goes on to be what it is, until it is another. */
  async #stop(): Promise<Error | undefined> {
    const random = this.#random
    const outcome = this.#host.shutDown()
    let hasStopped = false
    outcome.finally(() => (hasStopped = true)).catch(() => undefined)
    let left = random.chance(0.3) ? Number.POSITIVE_INFINITY : random.below(60)
    for (let turns = 0; !hasStopped; turns++) {
      if (turns === PATIENCE_TURNS) throw new Error(`the stop does not come to an end: ${this.#lastWords()}`)
      if (left-- === 0) {
        this.#weather.change()
        left = random.chance(0.5) ? Number.POSITIVE_INFINITY : random.below(60)
      }
      await turn()
      // Whatever tries again does so after a moment.
      if (turns > 200) await new Promise((resolve) => setTimeout(resolve, 1))
    }
    return outcome
  }

  /** A start on a disk that is bad at first: it comes to an end, one way or the other, and harms nothing. */
  async #startInTrouble(): Promise<void> {
    const random = this.#random
    const host = this.#host
    const { fault, ...reading } = this.#weather.optionsOf(pick(random, START_SKIES), pick(random, ['/segments/', '/']))
    let good = random.below(25)
    let bad = random.between(1, 8)
    host.next = {
      ...reading,
      fault: (operation, path, length) => {
        if (good-- > 0 || bad === 0) return undefined
        const found = fault?.(operation, path, length)
        if (found !== undefined) bad--
        return found
      },
    }
    const hasStarted = await host.start().then(
      () => true,
      () => false,
    )
    if (!hasStarted) this.#played.failedStarts++
    for (let turns = random.below(20); turns > 0; turns--) await turn()
    if (hasStarted && random.chance(0.5)) await host.shutDown()
    else host.end()
    if (this.#sync === 'always' && random.chance(0.5)) host.cutPower()
  }

  async #verify(): Promise<void> {
    const { ledger } = this.#world
    ledger.restarted()
    ledger.faults.push(...this.#side.check(this.#host.node))
    this.#played.found += await Verification.run(this.#world, this.#host, false)
    this.#check()
    this.#side.renew(this.#host.node)
    this.#weather.wasBad = false
  }

  #check(): void {
    const { faults } = this.#world.ledger
    if (faults.length > 0) throw new Error(`${faults.slice(0, 10).join('\n')}\n${this.#lastWords()}`)
  }

  #lastWords(): string {
    return this.#log.lines
      .filter(({ level }) => level !== 'debug')
      .slice(-40)
      .map(({ level, message }) => `  ${level} ${message}`)
      .join('\n')
  }
}
