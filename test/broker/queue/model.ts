/** What a test knows of one message. */
export interface ModelMessage {
  readonly body: string
  readonly level: number
  readonly bytes: number
  /** ms since the epoch, 0 for never. */
  readonly expiry: number
  readonly order: number
  redelivered: boolean
  returns: number
  /** Came back since it was handed out. */
  returned: boolean
  /** Found the queue empty and a consumer ready. */
  direct: boolean
}

export interface ModelOptions {
  readonly quorum: boolean
  readonly levels: number
  readonly maxLength: number
  readonly maxLengthBytes: number
  readonly overflow: string
  readonly deliveryLimit: number
}

/** A queue as one would write it without a thought for speed: an array of ready messages and a list of deaths. */
export class ModelQueue {
  readonly options: ModelOptions
  ready: ModelMessage[] = []
  readonly deaths: string[] = []
  now = 0
  #turn = 0

  constructor(options: ModelOptions) {
    this.options = options
  }

  get readyBytes(): number {
    return this.ready.reduce((sum, message) => sum + message.bytes, 0)
  }

  /** Ready messages of a level in the order of their arrival. */
  line(level: number): ModelMessage[] {
    const line = this.ready.filter((message) => message.level === level)
    return line.sort((a, b) => a.order - b.order)
  }

  /** All ready messages, highest level first. */
  inOrder(): ModelMessage[] {
    const lines: ModelMessage[] = []
    for (let level = this.options.levels - 1; level >= 0; level--) lines.push(...this.line(level))
    return lines
  }

  head(): ModelMessage | undefined {
    const [first] = this.inOrder()
    if (!this.options.quorum || first === undefined) return first
    const high = this.line(1)[0]
    const normal = this.line(0)[0]
    if (high === undefined || normal === undefined) return first
    if (high.returned) return high
    if (normal.returned) return normal
    return this.#turn === 2 ? normal : high
  }

  /** Hands out the first message. */
  take(): ModelMessage {
    const message = this.head() as ModelMessage
    if (!message.returned && !message.direct) this.#turn = (this.#turn + 1) % 3
    this.#remove(message)
    message.returned = false
    message.direct = false
    return message
  }

  refuses(bytes: number): boolean {
    const { overflow, maxLength, maxLengthBytes } = this.options
    return overflow !== 'drop-head' && (this.ready.length + 1 > maxLength || this.readyBytes + bytes > maxLengthBytes)
  }

  add(message: ModelMessage): void {
    this.ready.push(message)
    this.dropExcess()
    this.expire()
  }

  putBack(message: ModelMessage): void {
    if (this.options.quorum && ++message.returns > this.options.deliveryLimit) {
      this.deaths.push(`delivery_limit ${message.body}`)
      return
    }
    message.redelivered = true
    message.returned = true
    this.ready.push(message)
    this.dropExcess()
  }

  dropExcess(): void {
    const { overflow, maxLength, maxLengthBytes } = this.options
    if (overflow !== 'drop-head') return
    while (this.ready.length > maxLength || this.readyBytes > maxLengthBytes) {
      const message = this.head() as ModelMessage
      this.#remove(message)
      this.deaths.push(`maxlen ${message.body}`)
    }
  }

  expire(): void {
    for (let level = this.options.levels - 1; level >= 0; level--) {
      for (const message of this.line(level)) {
        if (message.expiry === 0 || message.expiry > this.now) break
        this.#remove(message)
        this.deaths.push(`expired ${message.body}`)
      }
    }
  }

  /** Time passes, in small steps, since heads of different levels expire in between. */
  advance(ms: number): void {
    for (; ms > 0; ms--) {
      this.now++
      this.expire()
    }
  }

  #remove(message: ModelMessage): void {
    this.ready.splice(this.ready.indexOf(message), 1)
  }
}
