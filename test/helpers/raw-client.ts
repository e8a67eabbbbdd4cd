import { connect, type Socket } from 'node:net'
import type { ExecutionContext } from 'ava'
import {
  encodeChannelOpen,
  encodeConnectionOpen,
  encodeConnectionStartOk,
  encodeConnectionTuneOk,
  FrameParser,
  METHODS,
  PROTOCOL_HEADER,
  readUint32,
} from '../../src/codec/index.ts'
import { until } from './until.ts'

/** A client that does only what it is told: it may stop reading, or send what no library would. */
export class RawClient {
  readonly socket: Socket
  closed = false
  /** Names of the methods received so far. */
  readonly received: string[] = []
  receivedBytes = 0
  readonly #parser = new FrameParser(0)

  constructor(socket: Socket) {
    this.socket = socket
    socket.on('error', () => {})
    socket.on('close', () => {
      this.closed = true
    })
    socket.on('data', (chunk: Buffer) => {
      this.receivedBytes += chunk.length
      this.#parser.push(chunk)
      for (let frame = this.#parser.next(); frame !== undefined; frame = this.#parser.next()) {
        if (frame.type === 1) this.received.push(METHODS.get(readUint32(frame.payload, 0))?.name ?? 'unknown')
      }
    })
  }

  send(...parts: Buffer[]): void {
    this.socket.write(Buffer.concat(parts))
  }

  /** Waits for the next method of that name, counted from the first byte. */
  async waitFor(name: string): Promise<void> {
    await until(`${name}; so far: ${this.received.slice(-20).join(' ')}`, () => this.received.includes(name))
  }

  /** Does not read any more. */
  deaf(): void {
    this.socket.pause()
  }
}

/** A raw client with channel 1 open, logged in as guest. */
export async function openRawClient(t: ExecutionContext, port: number): Promise<RawClient> {
  const socket = connect(port, '127.0.0.1')
  t.teardown(() => socket.destroy())
  const client = new RawClient(socket)
  client.send(
    PROTOCOL_HEADER,
    encodeConnectionStartOk(0, { mechanism: 'PLAIN', response: Buffer.from('\0guest\0guest'), locale: 'en_US' }),
    encodeConnectionTuneOk(0, { channelMax: 100, frameMax: 131_072, heartbeat: 0 }),
    encodeConnectionOpen(0, { virtualHost: '/' }),
    encodeChannelOpen(1, {}),
  )
  await client.waitFor('channel.open-ok')
  return client
}
