import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import tls from 'node:tls'
import { until } from './lines.mjs'

const HEADER_BYTES = 42

/** A frame of any kind, right or wrong. */
export function frame(type, body = Buffer.alloc(0), { seq = newSeq(), result = 0, length } = {}) {
  const header = Buffer.alloc(HEADER_BYTES)
  header.writeUInt32BE(length ?? HEADER_BYTES + body.length, 0)
  header.writeUInt16BE(type, 4)
  header.write(seq, 6, 'latin1')
  header.writeInt32BE(result, 38)
  return Buffer.concat([header, Buffer.from(body)])
}

let count = 0
export function newSeq() {
  return (++count).toString(16).padStart(32, '0')
}

export function topicBody(topic, data = '') {
  const bytes = Buffer.from(topic)
  return Buffer.concat([Buffer.from([bytes.length + 1]), bytes, Buffer.from(data)])
}

/** A TLS connection that says whatever it is told to, and keeps the frames that come. */
export class Raw {
  frames = []
  closed = false
  #buffer = Buffer.alloc(0)

  /** @param certificates a folder with sdk.crt and sdk.key; undefined shows none. */
  static async connect(node, certificates = node.certificates) {
    const raw = new Raw()
    const file = (name) => readFileSync(join(certificates, name))
    raw.socket = tls.connect({
      host: node.host,
      port: node.amopPort,
      maxVersion: 'TLSv1.2',
      ecdhCurve: 'secp256k1:prime256v1',
      rejectUnauthorized: false,
      ...(certificates && { cert: file('sdk.crt'), key: file('sdk.key') }),
    })
    // Some lines of Node crash when they show a certificate of this curve.
    raw.socket.getPeerCertificate = () => ({})
    raw.socket.setNoDelay(true)
    raw.socket.on('data', (chunk) => raw.#read(chunk))
    raw.socket.on('error', (error) => {
      raw.error = error
    })
    raw.socket.on('close', () => {
      raw.closed = true
    })
    await until(() => raw.closed || raw.socket.authorizationError !== undefined || raw.#secure(), 'a TLS connection')
    return raw
  }

  #secure() {
    return this.socket.getProtocol() !== null && !this.socket.connecting && this.socket.secureConnecting === false
  }

  #read(chunk) {
    this.#buffer = Buffer.concat([this.#buffer, chunk])
    while (this.#buffer.length >= 4 && this.#buffer.length >= this.#buffer.readUInt32BE(0)) {
      const length = this.#buffer.readUInt32BE(0)
      const bytes = this.#buffer.subarray(0, length)
      this.#buffer = this.#buffer.subarray(length)
      this.frames.push({
        type: bytes.readUInt16BE(4),
        seq: bytes.toString('latin1', 6, 38),
        result: bytes.readInt32BE(38),
        body: bytes.subarray(HEADER_BYTES),
      })
    }
  }

  send(bytes) {
    this.socket.write(bytes)
  }

  /** @returns the frame that answers the one sent. */
  async ask(type, body) {
    const seq = newSeq()
    this.send(frame(type, body, { seq }))
    return until(() => this.frames.find((one) => one.seq === seq), `an answer to 0x${type.toString(16)}`, 5000)
  }

  /** Whether it still answers: a heartbeat in protocol 1. */
  async alive() {
    const { body } = await this.ask(0x13, Buffer.from('0'))
    return body.toString() === '1'
  }

  end() {
    this.socket.destroy()
  }
}
