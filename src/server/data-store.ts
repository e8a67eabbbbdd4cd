import { UserReplay, type Users } from '../auth/index.ts'
import {
  type BrokerContext,
  type DelayedMessages,
  loadDurability,
  type Queue,
  RecordType,
  type SlabHolder,
  type Storage,
  type VirtualHosts,
} from '../broker/index.ts'
import {
  type FileJournal,
  type FileLayer,
  JournalError,
  openFileJournal,
  openReserve,
  openSegments,
  type Processes,
  type Reserve,
  type Segments,
} from '../store/index.ts'
import type { ResolvedOptions } from './options.ts'
import type { StartWatch } from './start-watch.ts'

type Durability = Awaited<ReturnType<typeof loadDurability>>

/** Bytes of journal between two checkpoints; it goes on in a new file as often. */
const JOURNAL_BYTES = 32 * 1024 * 1024
/** Of a small disk the journal takes so many reserves: what is in segment files makes room again as it is consumed. */
const JOURNAL_RESERVES = 2

/** What a test puts in place of the machine's own. */
export interface Machine {
  readonly files?: FileLayer
  readonly processes?: Processes
  readonly journalBytes?: number
  /** As the journal's options of these names. */
  readonly batchBytes?: number
  readonly retryMs?: number
  /** Room to keep back for a full disk; 0 for none. */
  readonly reserveBytes?: number
}

/** What happens to the store while the broker works. */
export interface DataStoreEvents {
  journalFailed(error: Error): void
  journalRestored(): void
  /** There is no reserve any more, and the disk is full; or there is one again. */
  reserveChanged(isGone: boolean): void
  /** Nothing can be promised any more: the broker has to end. */
  fatal(error: Error): void
}

/** The broker whose state a data directory has. */
export interface StoredBroker {
  readonly context: BrokerContext
  readonly virtualHosts: VirtualHosts
  readonly users: Users
  /** Called when it is known what comes back, and before any of it does: what it needs can be loaded. */
  prepare?(found: DefinitionsFound): Promise<void>
}

/** What is looked at before definitions come back. */
export interface DefinitionsFound {
  /** Whether there are exchanges of that type, or queues with that argument. */
  mentions(wanted: { exchangeType: string; queueArgument: string }): boolean
  /** The virtual hosts that have an exchange of that name, or bindings of one that is never declared. */
  virtualHostsWith(exchange: string): string[]
}

/**
 * What a broker keeps in its data directory: the journal, the segment files beside it, and those who look after both
 * while the broker runs. Use: `open`, `recover` before anybody connects, `check` once a turn, `stop` when nobody is
 * connected any more, `close`.
 */
export class DataStore {
  readonly journal: FileJournal
  readonly segments: Segments
  /** Room that is kept back for the day the disk is full; 0 for none. */
  readonly reserveBytes: number
  /** Who acts on what happens; set before `recover`. */
  events: DataStoreEvents | undefined
  readonly #options: ResolvedOptions
  readonly #durability: Durability
  /** Something of the journal could not be read back, or all of it is gone. */
  isDamaged = false
  #checkpointer: InstanceType<Durability['Checkpointer']> | undefined
  #pager: InstanceType<Durability['Pager']> | undefined
  readonly #reserve: Reserve
  readonly #journalBytes: number
  #relief: InstanceType<Durability['Relief']> | undefined
  /** The reserve was given up before there was somebody to care. */
  #isTight = false
  #isFatal = false
  /** Called when the disk refuses what the journal has to write. */
  #refused: ((error: Error) => void) | undefined

  /**
   * Locks a data directory and opens what is in it.
   * @throws JournalError, SegmentError
   */
  static async open(options: ResolvedOptions, directory: string, machine: Machine = {}): Promise<DataStore> {
    const { sync, syncIntervalMs, log } = options
    const { journalBytes, reserveBytes, ...layers } = machine
    const own = { directory, log, ...(layers.files === undefined ? {} : { files: layers.files }) }
    const reserve = await openReserve({ ...own, ...(reserveBytes === undefined ? {} : { bytes: reserveBytes }) })
    const fileBytesMax = journalBytes ?? Math.min(JOURNAL_RESERVES * reserve.bytes, JOURNAL_BYTES)
    let store: DataStore | undefined
    const durability = loadDurability()
    const journal = await openFileJournal({
      ...layers,
      directory,
      sync,
      syncIntervalMs,
      log,
      fileBytesMax,
      makeRoom: async () => (store === undefined ? reserve.giveUp() : store.#makeRoom()),
      onFailed: (error) => store?.journalFailed(error),
      onRestored: () => store?.events?.journalRestored(),
      onFatal: (error) => store?.fail(error),
    })
    try {
      const segments = await openSegments(own)
      store = new DataStore(options, fileBytesMax, journal, segments, reserve, await durability)
      return store
    } catch (error) {
      await journal.close().catch(() => undefined)
      throw error
    }
  }

  private constructor(
    options: ResolvedOptions,
    journalBytes: number,
    journal: FileJournal,
    segments: Segments,
    reserve: Reserve,
    durability: Durability,
  ) {
    this.#options = options
    this.#journalBytes = journalBytes
    this.#reserve = reserve
    this.reserveBytes = reserve.bytes
    this.journal = journal
    this.segments = segments
    this.#durability = durability
  }

  /** Bytes on their way out of memory into segment files. */
  get unwritten(): number {
    return this.#pager?.unwritten ?? 0
  }

  /**
   * Brings back what the directory has: users, virtual hosts, exchanges, queues, bindings, messages.
   * @throws JournalError
   */
  async recover(broker: StoredBroker, watch?: StartWatch): Promise<void> {
    const { context, virtualHosts, users } = broker
    const { journal, segments } = this
    const { DefinitionReplay, MessageReplay } = this.#durability
    const messages = new MessageReplay()
    const definitions = new DefinitionReplay(context.log, (uid) => messages.forget(uid))
    const accounts = new UserReplay(context.log)
    let records = 0
    watch?.enters(() => `reading the journal, ${records} records so far, of ${journal.foundBytes} bytes in all`)
    const report = await journal.recover({
      record: (_position, type, buffer, from, to) => {
        records++
        if (messages.record(type, buffer, from)) return
        if (definitions.record(type, buffer, from, to) || accounts.record(type, buffer, from, to)) return
        context.log.error(`the journal has a record of type ${type}, which this version does not know; it is left out`)
      },
    })
    watch?.enters(() => `bringing back what ${records} records of the journal say`)
    segments.reserve(messages.lastSegmentId)
    context.storage.uids.seen(messages.lastUid)
    await broker.prepare?.(definitions)
    accounts.apply(users)
    definitions.apply(virtualHosts)
    const known = new Set<number>()
    const { bodies } = context.memory
    bodies.restore(messages.bodyFiles.values())
    // What is due leaves when timers run; letters of queues that are over their limits may have to wait there at once.
    for (const holder of storedHolders(virtualHosts)) {
      const restored = messages.take(holder.uid)
      if (restored === undefined) continue
      for (const { file } of restored.segments) known.add(file.id)
      holder.restore(restored)
    }
    bodies.forgetUnused()
    for (const { ref } of bodies.files) known.add(ref.id)
    for (const queue of storedQueues(virtualHosts)) queue.enforceLimits()
    // A journal without a single record beside files of messages is not one that never had any.
    const isGone = report.records === 0 && segments.ids.length > 0
    this.isDamaged = isGone || report.damage.length > 0 || report.missing.length > 0
    const others = this.isDamaged ? this.#keepOthers(known, isGone) : segments.removeOthers(known)
    others.catch((error) => context.log.warn(`segment files that no record names stay: ${(error as Error).message}`))
    this.#look(context, virtualHosts, users, messages.clean ? journal.bytes : 0)
  }

  /** What named these files may be among what was lost: nobody reads them, and nobody removes them. */
  async #keepOthers(known: ReadonlySet<number>, isJournalGone: boolean): Promise<void> {
    const others = this.segments.ids.filter((id) => !known.has(id))
    if (others.length === 0) return
    this.#options.log.error(
      `${others.length === 1 ? '1 segment file is' : `${others.length} segment files are`} kept as damaged-…: no record names them, ${
        isJournalGone ? 'since the journal is gone' : 'and what did may be lost with what the journal has lost'
      }; if there is a copy of the data directory, stop the broker and use that`,
    )
    for (const id of others) await this.segments.setAside({ id, bytes: 0 })
  }

  /** From here on nobody takes the journal's end for that of an orderly stop. Resolves when that is durable. */
  async start(): Promise<void> {
    await this.#relief?.start()
    this.#relief?.check()
    this.journal.append(new this.#durability.MarkRecord(), RecordType.STARTED)
    // Nobody is there yet whom it would help to wait for room.
    const error = await Promise.race([this.journal.flush(), this.#refusal()])
    this.#refused = undefined
    if (error) throw new JournalError('failed', `it cannot be written: ${error.message}`, error)
  }

  /** Resolves when the disk refuses what the journal has to write, as it may do already. */
  #refusal(): Promise<Error> {
    return new Promise((resolve) => {
      this.#refused = resolve
      if (this.journal.failure !== undefined) resolve(this.journal.failure)
    })
  }

  /** Looks whether something has to move; cheap enough for once a turn. */
  check(): void {
    this.#checkpointer?.check()
    this.#pager?.check()
    this.#relief?.check()
  }

  /** The disk has less free room than there should be. */
  relieve(freeBytes: number): void {
    this.#relief?.low(freeBytes)
  }

  /**
   * The last checkpoint: the next start finds everything as it is now. A disk that refuses it leaves the journal, which
   * has all that was confirmed, for the next start to read.
   */
  async stop({ storage }: BrokerContext): Promise<void> {
    await this.#relief?.stop()
    await this.#pager?.stop()
    const checkpointer = this.#checkpointer
    if (checkpointer === undefined) return
    try {
      await this.#finish(checkpointer, storage)
    } catch (error) {
      this.#options.log.warn(`the last checkpoint could not be done: ${(error as Error).message}`)
    } finally {
      // One that waits for the disk must not go on without the queues.
      checkpointer.abandon()
    }
  }

  async #finish(checkpointer: InstanceType<Durability['Checkpointer']>, storage: Storage): Promise<void> {
    const refusal = this.#refusal()
    // A last checkpoint would take what is in memory for all there is.
    if (this.#isFatal || this.journal.failure !== undefined) return
    if (storage.isTight && !(await this.#isAffordable(checkpointer))) {
      this.#options.log.warn('the last checkpoint is left out: the disk is full')
      return
    }
    if (await Promise.race([checkpointer.stop(), refusal])) return
    // What is settled and not yet told must not come behind the mark.
    storage.settlements.flush()
    this.journal.append(new this.#durability.MarkRecord(), RecordType.CLEAN)
  }

  async #isAffordable(checkpointer: InstanceType<Durability['Checkpointer']>): Promise<boolean> {
    try {
      return checkpointer.isAffordable((await this.journal.space()).freeBytes)
    } catch {
      return false
    }
  }

  /** Writes what is left and gives the directory free. @throws JournalError when that could not be written. */
  async close(): Promise<void> {
    try {
      await this.segments.close()
    } finally {
      await this.journal.close()
    }
  }

  /** @param baseBytes of the journal that an orderly stop has left: nothing that a checkpoint would make shorter. */
  #look(context: BrokerContext, virtualHosts: VirtualHosts, users: Users, baseBytes: number): void {
    const { Checkpointer, Pager, Relief, writeDefinitions } = this.#durability
    const { journal } = this
    this.#checkpointer = new Checkpointer(context, {
      journal,
      journalBytes: this.#journalBytes,
      baseBytes,
      queues: () => storedHolders(virtualHosts),
      writeRest: (append) => {
        writeDefinitions(virtualHosts, append)
        users.write(append)
      },
      onFatal: (error) => this.fail(error),
    })
    context.storage.onFatal = (error) => this.fail(error)
    this.#pager = new Pager(context, {
      memoryBytes: this.#options.messageMemory,
      queues: () => allHolders(virtualHosts),
    })
    if (this.#reserve.bytes === 0) return
    const { storage } = context
    this.#relief = new Relief(context, {
      reserve: this.#reserve,
      checkpointer: this.#checkpointer,
      failure: () => journal.failure,
      space: () => journal.space(),
      storedBytes: () => journal.bytes + this.segments.bytes,
      changed: () => this.events?.reserveChanged(storage.isTight),
    })
    if (this.#isTight) this.#relief.tighten()
  }

  /** The disk is full. @returns true when there is room now. */
  async #makeRoom(): Promise<boolean> {
    // Before there is room for anybody to take.
    this.#relief?.tighten()
    this.#isTight = true
    // A file that is being written now must not have the room either.
    await this.segments.written()
    const isMade = await this.#reserve.giveUp()
    // It may have been made anew just before.
    this.#relief?.tighten()
    return isMade
  }

  /** Nothing can be promised any more, and only what the journal has by now is what a start can rely on. */
  private fail(error: Error): void {
    // What comes after the first is a consequence.
    if (this.#isFatal) return
    this.#isFatal = true
    this.#checkpointer?.abandon()
    this.events?.fatal(error)
  }

  private journalFailed(error: Error): void {
    this.#refused?.(error)
    this.events?.journalFailed(error)
  }
}

function* allQueues(virtualHosts: VirtualHosts): Iterable<Queue> {
  for (const virtualHost of virtualHosts.all()) yield* virtualHost.queues.values()
}

function* storedQueues(virtualHosts: VirtualHosts): Iterable<Queue> {
  for (const queue of allQueues(virtualHosts)) if (queue.stored) yield queue
}

function* delayedMessages(virtualHosts: VirtualHosts): Iterable<DelayedMessages> {
  for (const virtualHost of virtualHosts.all()) {
    for (const { delayed } of virtualHost.exchanges.values()) if (delayed !== undefined) yield delayed
  }
}

function* allHolders(virtualHosts: VirtualHosts): Iterable<SlabHolder> {
  yield* allQueues(virtualHosts)
  yield* delayedMessages(virtualHosts)
}

function* storedHolders(virtualHosts: VirtualHosts): Iterable<Queue | DelayedMessages> {
  yield* storedQueues(virtualHosts)
  for (const delayed of delayedMessages(virtualHosts)) if (delayed.stored) yield delayed
}
