import { Message } from '../../broker/index.ts'
import {
  array,
  encodeProperties,
  findHeader,
  longstr,
  type PropertyChanges,
  PropertyFlag,
  PropertyView,
  readText,
  replaceProperties,
  Table,
  writeUint64,
} from '../../codec/index.ts'
import { PacketType } from '../packet/packet.ts'
import { PATH_HEADER } from '../queue-path.ts'
import type { Message as AmopMessage } from '../router/message.ts'

/** Headers that tell where a message came from; a client's own are believed, as they can only harm its own messages. */
export const Header = {
  MODE: 'x-amop-mode',
  SEQ: 'x-amop-seq',
  NODE: 'x-amop-node',
  SESSION: 'x-amop-session',
  /** In answers, both ways: the AMOP result, not 0. */
  ERROR: 'x-amop-error',
} as const

/** A seq has 32 bytes, whatever they are. */
const SEQ_BYTES = 32
const BLANK_SEQ = 'x'.repeat(SEQ_BYTES)
/** Properties kept ready: one for each publisher, mode and durability. */
const TEMPLATES_MAX = 256
const SEQ_HEADER = Buffer.from(Header.SEQ)
const PERSISTENT = 2

/** The properties of one publisher's messages, but for what differs from one to the next. */
interface Template {
  readonly properties: Buffer
  readonly seqAt: number
  readonly messageIdAt: number
  readonly timestampAt: number
}

/** Makes messages for queues of what came from AMOP. */
export class AmqpMessages {
  readonly #node: string
  readonly #templates = new Map<string, Template>()

  /** @param node what this node is called in `x-amop-node`. */
  constructor(node: string) {
    this.#node = node
  }

  /**
   * The data is the body, untouched; `content-type` is left out, as nobody knows it.
   * @param now ms since the epoch
   */
  make(
    message: AmopMessage,
    exchange: string,
    routingKey: string,
    persistent: boolean,
    now: number,
    changes?: PropertyChanges,
  ): Message {
    const path = message.publisher.pathOf?.(message)
    const own = this.#properties(message, persistent, now)
    const properties = path === undefined ? own : withPath(own, path)
    const changed = changes === undefined ? properties : replaceProperties(properties, 0, properties.length, changes)
    return Message.of(exchange, routingKey, changed, message.data)
  }

  #properties({ publisher, packet }: AmopMessage, persistent: boolean, now: number): Buffer {
    const mode = packet.type === PacketType.MULTICAST ? 'multicast' : 'unicast'
    const node = publisher.node ?? this.#node
    const key = `${mode} ${persistent} ${node} ${publisher.name}`
    let template = this.#templates.get(key)
    if (template === undefined) {
      template = newTemplate(mode, persistent, node, publisher.name)
      if (this.#templates.size >= TEMPLATES_MAX) this.#templates.clear()
      this.#templates.set(key, template)
    }
    const properties = Buffer.from(template.properties)
    properties.write(packet.seq, template.seqAt, SEQ_BYTES, 'latin1')
    properties.write(packet.seq, template.messageIdAt, SEQ_BYTES, 'latin1')
    writeUint64(properties, template.timestampAt, Math.floor(now / 1000))
    return properties
  }
}

function newTemplate(mode: string, persistent: boolean, node: string, session: string): Template {
  const headers = new Table()
    .set(Header.MODE, longstr(mode))
    .set(Header.SEQ, longstr(BLANK_SEQ))
    .set(Header.NODE, longstr(node))
    .set(Header.SESSION, longstr(session))
  const properties = encodeProperties({
    headers,
    ...(persistent ? { deliveryMode: PERSISTENT } : {}),
    messageId: BLANK_SEQ,
    timestamp: 0,
  })
  const view = new PropertyView().attach(properties, 0, properties.length)
  return {
    properties,
    // Behind the value's tag and the four octets of its length.
    seqAt: findHeader(properties, view.find(PropertyFlag.HEADERS), SEQ_HEADER) + 5,
    messageIdAt: view.find(PropertyFlag.MESSAGE_ID) + 1,
    timestampAt: view.find(PropertyFlag.TIMESTAMP),
  }
}

function withPath(properties: Buffer, path: readonly string[]): Buffer {
  const headers = new PropertyView().attach(properties, 0, properties.length).headers as Table
  headers.set(PATH_HEADER, array(...path.map(longstr)))
  return replaceProperties(properties, 0, properties.length, { headers })
}

/** A seq as a text of properties, which are UTF-8 where their bytes are. */
export function seqText(seq: string): string {
  const bytes = Buffer.from(seq, 'latin1')
  return readText(bytes, 0, bytes.length)
}
