import type { StoredMessage } from '../../broker/index.ts'
import { PropertyView, toObject } from '../../codec/index.ts'
import { DataReader } from './data-reader.ts'

/** A message of a queue in a data directory, in plain values. */
export interface ExportedMessage {
  readonly exchange: string
  readonly routingKey: string
  /** It was handed out before, or may have been. */
  readonly redelivered: boolean
  /** How often it was handed out and came back. */
  readonly deliveryCount: number
  /** When its time is over, in ms since 1970; undefined for never. */
  readonly expiry: number | undefined
  /** With `headers` among them; 64-bit numbers that are too large for a number are bigint, byte arrays are Buffers. */
  readonly properties: Readonly<Record<string, unknown>>
  /** Good until the next message is asked for. */
  readonly body: Buffer
}

/** There is no queue of that name in that virtual host. */
export class NoSuchQueueError extends Error {
  /** Virtual hosts that have one. */
  readonly elsewhere: readonly string[]

  constructor(text: string, elsewhere: readonly string[]) {
    super(text)
    this.name = 'NoSuchQueueError'
    this.elsewhere = elsewhere
  }
}

/** The messages of one queue in a data directory that no broker uses. */
export class QueueExport {
  /** What is lost or cannot be read, anywhere in the directory as far as it was read; grows while messages are read. */
  readonly problems: readonly string[]
  readonly #reader: DataReader
  readonly #vhost: string
  readonly #name: string

  /**
   * Reads the journal; nothing in the directory is changed.
   * @throws JournalError `locked`, `newer`, `unreadable`; NoSuchQueueError.
   */
  static async open(directory: string, vhost: string, name: string): Promise<QueueExport> {
    const reader = await DataReader.open(directory)
    if (reader.virtualHosts.find(vhost)?.queues.has(name)) return new QueueExport(reader, vhost, name)
    await reader.close()
    const text = reader.virtualHosts.find(vhost) ? `no queue '${name}' in vhost '${vhost}'` : `no vhost '${vhost}'`
    const elsewhere = reader.queues.filter(({ holder }) => holder.name === name).map(({ holder }) => holder.host.name)
    throw new NoSuchQueueError(text, elsewhere)
  }

  private constructor(reader: DataReader, vhost: string, name: string) {
    this.#reader = reader
    this.#vhost = vhost
    this.#name = name
    this.problems = reader.problems
  }

  /**
   * In the order in which they arrived, for each level of priority; one segment file is in memory at a time. Once.
   * @throws SegmentError `newer`, `byte-order`
   */
  async *messages(): AsyncGenerator<ExportedMessage> {
    const reader = this.#reader
    const view = new PropertyView()
    for (const stored of reader.queues) {
      const { holder: queue } = stored
      if (queue.name !== this.#name || queue.host.name !== this.#vhost) continue
      for await (const slab of reader.messagesOf(stored, () => {})) {
        for (const message of slab) yield plain(message, view)
      }
    }
  }

  /** Gives the directory free. */
  close(): Promise<void> {
    return this.#reader.close()
  }
}

function plain({ message, redelivered, deliveryCount, expiry }: StoredMessage, view: PropertyView): ExportedMessage {
  const { headers, ...properties } = message.properties(view).toObject()
  const { buffer, bodyAt, bodyLength } = message
  return {
    exchange: message.exchange,
    routingKey: message.routingKey,
    redelivered,
    deliveryCount,
    expiry: expiry === 0 ? undefined : expiry,
    properties: headers === undefined ? properties : { ...properties, headers: toObject(headers) },
    body: buffer.subarray(bodyAt, bodyAt + bodyLength),
  }
}
