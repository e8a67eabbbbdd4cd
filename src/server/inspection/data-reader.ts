import { UserReplay, Users } from '../../auth/index.ts'
import { type Alarm, Clock, type Logger, Timers, Turn } from '../../base/index.ts'
import {
  type BrokerContext,
  type Exchange,
  entity,
  loadDurability,
  loadInspection,
  MemoryAccount,
  type Queue,
  Storage,
  type StoredMessage,
  VirtualHosts,
} from '../../broker/index.ts'
import { PropertyView } from '../../codec/index.ts'
import { MemoryJournal, openInspection, type RecoveryReport, type SegmentReader } from '../../store/index.ts'
import { type AmopFound, findAmop } from '../amop/found.ts'
import { loadAmopRoom } from '../amop/load.ts'

type Inspection = Awaited<ReturnType<typeof openInspection>>
type Durability = Awaited<ReturnType<typeof loadDurability>>
type MessageReplay = InstanceType<Durability['MessageReplay']>
type RestoredQueue = NonNullable<ReturnType<MessageReplay['take']>>

/** A queue, or an exchange that delays messages, with what the journal says of these. */
export interface StoredHolder<Holder extends Queue | Exchange> {
  readonly holder: Holder
  readonly restored: RestoredQueue | undefined
}

/**
 * A data directory as the next start would find it: users, virtual hosts and what is in them are made as a start makes
 * them, by the same hands, and nothing in the directory is changed. Messages stay on the disk.
 */
export class DataReader {
  readonly virtualHosts: VirtualHosts
  readonly users = new Users()
  /** Virtual host by virtual host. */
  readonly queues: StoredHolder<Queue>[] = []
  /** Those that delay messages. */
  readonly exchanges: StoredHolder<Exchange>[] = []
  /** What is lost or cannot be read, a line each; grows while messages are read. */
  readonly problems: string[]
  /** What is worth knowing and takes nothing away. */
  readonly notes: string[]
  readonly #inspection: Inspection
  readonly #messages: MessageReplay
  #journal: RecoveryReport | undefined
  #segments: SegmentReader | undefined

  /**
   * Locks a data directory, and reads its journal.
   * @throws JournalError `locked`, `newer`, `unreadable`.
   */
  static async open(directory: string): Promise<DataReader> {
    const log = new Lines()
    const inspection = await openInspection({ directory, log })
    const durability = await loadDurability()
    const reader = new DataReader(inspection, durability, log)
    try {
      await reader.#read(durability)
      return reader
    } catch (error) {
      await reader.close()
      throw error
    }
  }

  private constructor(inspection: Inspection, { MessageReplay }: Durability, log: Lines) {
    this.#inspection = inspection
    this.#messages = new MessageReplay()
    this.virtualHosts = new VirtualHosts(idleContext(log))
    this.problems = log.errors
    this.notes = log.warnings
  }

  get journal(): RecoveryReport {
    return this.#journal as RecoveryReport
  }

  get segments(): SegmentReader {
    return this.#segments as SegmentReader
  }

  /** The broker that used it was stopped in order. */
  get clean(): boolean {
    return this.#messages.clean
  }

  /**
   * The messages of a queue or an exchange, a slab at a time: in the order in which they arrived, for each level of
   * priority or of delay. What cannot be read goes into `problems`.
   * @param lost told how many messages cannot be read.
   * @throws SegmentError `newer`, `byte-order`
   */
  async *messagesOf(
    { holder, restored }: StoredHolder<Queue | Exchange>,
    lost: (messages: number) => void,
  ): AsyncGenerator<Iterable<StoredMessage>> {
    if (restored === undefined) return
    const { StoredMessages } = await loadInspection()
    const messages = new StoredMessages(
      this.segments,
      this.#messages.bodyFiles,
      ({ file, reason, messages: count }) => {
        const from = entity('incoming' in holder ? 'exchange' : 'queue', holder.name, holder.host.name)
        this.problems.push(`segment file ${file.id}: ${reason}; ${lossText(count)} of ${from}`)
        if (count > 0) lost(count)
      },
    )
    yield* messages.slabs(restored)
  }

  /** Numbers of the segment files that messages lie in. */
  get neededFiles(): ReadonlySet<number> {
    const needed = new Set<number>()
    for (const { restored } of [...this.queues, ...this.exchanges]) {
      for (const { file, bodies } of restored?.segments ?? []) {
        needed.add(file.id)
        for (const { id } of bodies) needed.add(this.#messages.bodyFiles.get(id)?.file.id ?? id)
      }
    }
    return needed
  }

  /** Gives the directory free. */
  async close(): Promise<void> {
    await this.#segments?.close()
    await this.#inspection.close()
  }

  async #read({ DefinitionReplay }: Durability): Promise<void> {
    const messages = this.#messages
    const { log } = this.virtualHosts.context
    const definitions = new DefinitionReplay(log, (uid) => messages.forget(uid))
    const accounts = new UserReplay(log)
    this.#journal = await this.#inspection.journal({
      record: (position, type, buffer, from, to) => {
        if (messages.record(type, buffer, from)) return
        if (definitions.record(type, buffer, from, to) || accounts.record(type, buffer, from, to)) return
        log.error(`the journal has a record of type ${type}, which this version does not know, at position ${position}`)
      },
    })
    this.#segments = await this.#inspection.segments()
    await this.#prepareAmop(findAmop(definitions))
    accounts.apply(this.users)
    definitions.apply(this.virtualHosts)
    for (const virtualHost of this.virtualHosts.all()) {
      for (const queue of virtualHost.queues.values()) {
        this.queues.push({ holder: queue, restored: messages.take(queue.uid) })
      }
      for (const exchange of virtualHost.exchanges.values()) {
        if (exchange.delayed === undefined) continue
        this.exchanges.push({ holder: exchange, restored: messages.take(exchange.delayed.uid) })
      }
    }
  }

  /** Exchanges of its type come back only where it is there. */
  async #prepareAmop({ isThere, vhosts }: AmopFound): Promise<void> {
    if (!isThere) return
    const { openAmopTypes } = await loadAmopRoom()
    await openAmopTypes(this.virtualHosts.context, this.virtualHosts, vhosts)
  }
}

function lossText(messages: number): string {
  if (messages <= 0) return 'no message'
  return messages === 1 ? '1 message is lost' : `${messages} messages are lost`
}

/** Time stands still, and nothing is handed out. */
function idleContext(log: Logger): BrokerContext {
  const clock = new Clock()
  const never: Alarm = { set: () => {}, clear: () => {} }
  const journal = new MemoryJournal()
  return {
    clock,
    timers: new Timers(clock, never),
    turn: new Turn(
      () => {},
      () => {},
    ),
    journal,
    log,
    memory: new MemoryAccount(),
    limits: { maxMessageSize: Number.MAX_SAFE_INTEGER, consumerTimeoutMs: 0 },
    storage: new Storage(journal),
    propertyView: new PropertyView(),
  }
}

/** What a start would log, as lists of lines. */
class Lines implements Logger {
  readonly debugEnabled = false
  readonly errors: string[] = []
  readonly warnings: string[] = []

  error(message: string): void {
    this.errors.push(message)
  }

  warn(message: string): void {
    this.warnings.push(message)
  }

  info(): void {}
  debug(): void {}
}
