import { type ByteRange, type SegmentBytes, SegmentError } from '../../store/index.ts'
import type { Message } from '../message.ts'
import type { BodyFile } from './body-file.ts'
import type { OutsideBody } from './slab-file.ts'

/** A message that is to be read, and where. */
interface Located {
  readonly body: OutsideBody
  /** In the file of now. */
  readonly from: number
}

/** Reads large messages that lie in body files: what is to be read of which file, and what came of it. */
export class BodyReading {
  /** By the offset of the record: the message, where somebody has it in memory, or its bytes. */
  readonly found = new Map<number, Message | Buffer>()
  /** A file that has not got all that it should have. */
  damaged: BodyFile | undefined
  readonly #wanted = new Map<BodyFile, OutsideBody[]>()
  #located: Located[] = []

  readonly #usesMemory: boolean

  /**
   * @param fileOf the file with this number.
   * @param usesMemory what is in memory is not read.
   */
  constructor(bodies: readonly OutsideBody[], fileOf: (id: number) => BodyFile | undefined, usesMemory = true) {
    this.#usesMemory = usesMemory
    for (const body of bodies) {
      const file = fileOf(body.id)
      if (file === undefined) continue
      const list = this.#wanted.get(file)
      if (list === undefined) this.#wanted.set(file, [body])
      else list.push(body)
    }
  }

  /** Files to read. */
  get files(): Iterable<BodyFile> {
    return this.#wanted.keys()
  }

  /** What is to be read of the file as it is now; `take` or `miss` comes next. */
  locate(file: BodyFile): ByteRange[] {
    this.#located = []
    for (const body of this.#wanted.get(file) ?? []) {
      const message = this.#usesMemory ? file.inMemory.get(body.at) : undefined
      if (message !== undefined) {
        this.found.set(body.offset, message)
        continue
      }
      const from = file.locate(body.at, body.bytes)
      if (from < 0) this.#lose(file)
      else this.#located.push({ body, from })
    }
    this.#located.sort((a, b) => a.from - b.from)
    const ranges: { from: number; end: number }[] = []
    for (const { body, from } of this.#located) {
      const last = ranges.at(-1)
      if (last !== undefined && last.end >= from) last.end = Math.max(last.end, from + body.bytes)
      else ranges.push({ from, end: from + body.bytes })
    }
    return ranges
  }

  /** The bytes were read; they are only good during the call. */
  take(file: BodyFile, { payload, damaged }: SegmentBytes): void {
    for (const { body, from } of this.#located) {
      const end = from + body.bytes
      if (damaged.some((range) => range.from < end && from < range.end)) {
        this.#lose(file)
        continue
      }
      const bytes = Buffer.allocUnsafeSlow(body.bytes)
      payload.copy(bytes, 0, from, end)
      this.found.set(body.offset, bytes)
    }
  }

  /** The file cannot be read. @throws what says nothing about the file. */
  miss(file: BodyFile, error: unknown): void {
    if (!(error instanceof SegmentError) || (error.code !== 'missing' && error.code !== 'damaged')) throw error
    this.#lose(file)
  }

  #lose(file: BodyFile): void {
    file.isDamaged = true
    this.damaged = file
  }
}
