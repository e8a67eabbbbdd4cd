import type { SegmentBytes, SegmentRef, Segments } from '../../store/index.ts'
import type { BrokerContext } from '../host.ts'
import type { Message } from '../message.ts'
import { BodyFile, type BodyPlace } from './body-file.ts'
import { BodyReading } from './body-reading.ts'
import { BodyUse } from './body-use.ts'
import { contentBytes } from './record.ts'
import type { SharedBodies } from './shared-bodies.ts'
import type { Slab } from './slab.ts'
import { encodeBodies, encodeSlab, type OutsideBody } from './slab-file.ts'
import { Staging } from './staging.ts'

/** Files read at a time; more only makes each of them later. */
const READS_MAX = 2

/** A file with what a slab has, and what that refers to elsewhere. */
export interface WrittenSlab {
  readonly file: SegmentRef
  readonly bodies: BodyUse | undefined
}

/** Carries slabs between memory and segment files for all queues of a node. */
export class SegmentTraffic {
  readonly #bodies: SharedBodies
  readonly #staging = new Staging()
  readonly #waiting: (() => void)[] = []
  #reading = 0
  /** One at a time: two slabs may have the same bodies. */
  #placing: Promise<void> = Promise.resolve()

  constructor(bodies: SharedBodies) {
    this.#bodies = bodies
  }

  /**
   * Writes the slab's records as they are now to a new file, without a sync; before that, large messages that other
   * slabs have as well to a file that all of them may refer to.
   * @returns undefined when the slab has nothing in memory any more by then.
   * @throws what `Segments.write` does.
   */
  async write(slab: Slab, context: BrokerContext): Promise<WrittenSlab | undefined> {
    const { segments } = context.storage
    if (segments === undefined) return undefined
    let made: BodyFile | undefined
    if (this.#sharedOf(slab).length > 0) {
      made = await this.#place(slab, segments)
      if (!slab.resident || slab.live === 0) {
        made?.dropIfUnused(context)
        return undefined
      }
    }
    const outside = this.#placesOf(slab)
    const payload = encodeSlab(slab, this.#staging, outside)
    const bodies = BodyUse.of(outside)
    made?.dropIfUnused(context)
    try {
      return { file: await segments.write(payload), bodies }
    } catch (error) {
      bodies?.release(context)
      throw error
    } finally {
      this.#staging.give(payload)
    }
  }

  /** The file is not needed, and nobody knows of it. */
  discard({ file, bodies }: WrittenSlab, context: BrokerContext): void {
    context.storage.segments?.remove(file)
    bodies?.release(context)
  }

  /**
   * Writes what is alive of a body file to a new one, without a sync.
   * @param runs that are alive
   * @returns undefined when some of it is not what was written: it stays as it is.
   * @throws what `Segments.read` and `Segments.write` do.
   */
  async copyBodies(file: BodyFile, runs: Int32Array, segments: Segments): Promise<SegmentRef | undefined> {
    const wanted: OutsideBody[] = []
    let bytes = 0
    for (let index = 0; index < runs.length; index += 2) {
      const at = runs[index] as number
      const length = (runs[index + 1] as number) - at
      wanted.push({ offset: bytes, id: file.id, at, bytes: length })
      bytes += length
    }
    const payload = this.#staging.take(bytes)
    try {
      const reading = new BodyReading(wanted, () => file, false)
      await this.#readAll(reading, segments, () => true)
      if (reading.damaged !== undefined) return undefined
      for (const [offset, body] of reading.found) (body as Buffer).copy(payload, offset)
      return await segments.write(payload)
    } finally {
      this.#staging.give(payload)
    }
  }

  /**
   * Reads a file when it is its turn.
   * @param isWanted asked when the turn has come.
   * @param use gets the bytes, which are only good during the call.
   * @returns what `use` does; undefined when the file was not wanted any more.
   * @throws what `Segments.read` does.
   */
  async read<T>(
    ref: SegmentRef,
    segments: Segments,
    isWanted: () => boolean,
    use: (bytes: SegmentBytes) => T,
  ): Promise<T | undefined> {
    return this.#inTurn(async () => {
      if (!isWanted()) return undefined
      const into = this.#staging.take(ref.bytes)
      try {
        const bytes = await segments.read(ref, into)
        return isWanted() ? use(bytes) : undefined
      } finally {
        this.#staging.give(into)
      }
    })
  }

  /** Reads a file at once. @throws what `Segments.readSync` does. */
  readSync<T>(ref: SegmentRef, segments: Segments, use: (bytes: SegmentBytes) => T): T {
    const into = this.#staging.take(ref.bytes)
    try {
      return use(segments.readSync(ref, into))
    } finally {
      this.#staging.give(into)
    }
  }

  /**
   * Reads the large messages that a slab's file refers to, as far as nobody has them in memory.
   * @throws what `Segments.read` does, but for what is the matter with a file.
   */
  async readBodies(
    outside: readonly OutsideBody[],
    use: BodyUse | undefined,
    segments: Segments,
    isWanted: () => boolean,
  ): Promise<BodyReading> {
    const reading = new BodyReading(outside, (id) => use?.fileOf(id))
    await this.#readAll(reading, segments, isWanted)
    return reading
  }

  /** As `readBodies`, at once. */
  readBodiesSync(outside: readonly OutsideBody[], use: BodyUse | undefined, segments: Segments): BodyReading {
    const reading = new BodyReading(outside, (id) => use?.fileOf(id))
    for (const file of reading.files) {
      const { ref } = file
      const into = this.#staging.take(ref.bytes)
      try {
        const ranges = reading.locate(file)
        if (ranges.length > 0) reading.take(file, segments.readSync(ref, into, ranges))
      } catch (error) {
        reading.miss(file, error)
      } finally {
        this.#staging.give(into)
      }
    }
    return reading
  }

  async #readAll(reading: BodyReading, segments: Segments, isWanted: () => boolean): Promise<void> {
    for (const file of reading.files) {
      await this.#inTurn(async () => {
        if (!isWanted()) return
        // Not before its turn: what is left of it may have moved.
        const { ref } = file
        const ranges = reading.locate(file)
        if (ranges.length === 0) return
        const into = this.#staging.take(ref.bytes)
        try {
          reading.take(file, await segments.read(ref, into, ranges))
        } catch (error) {
          reading.miss(file, error)
        } finally {
          this.#staging.give(into)
        }
      })
    }
  }

  async #inTurn<T>(act: () => Promise<T>): Promise<T> {
    if (this.#reading === READS_MAX) await new Promise<void>((resolve) => this.#waiting.push(resolve))
    else this.#reading++
    try {
      return await act()
    } finally {
      const next = this.#waiting.shift()
      if (next === undefined) this.#reading--
      else next()
    }
  }

  /** Large messages of the slab that other slabs hold as well and that lie in no file, in the order of their records. */
  #sharedOf({ references }: Slab): Message[] {
    const shared: [number, Message][] = []
    for (const [offset, message] of references ?? []) {
      const { buffer } = message
      if (this.#bodies.isShared(buffer) && this.#bodies.placeOf(buffer) === undefined) shared.push([offset, message])
    }
    return shared.sort((a, b) => a[0] - b[0]).map(([, message]) => message)
  }

  #placesOf({ references }: Slab): Map<number, BodyPlace> {
    const places = new Map<number, BodyPlace>()
    for (const [offset, { buffer }] of references ?? []) {
      const place = this.#bodies.placeOf(buffer)
      if (place !== undefined) places.set(offset, place)
    }
    return places
  }

  /** Writes a body file. @returns it; undefined when the slab does not need one by now. */
  #place(slab: Slab, segments: Segments): Promise<BodyFile | undefined> {
    const placing = this.#placing.then(async () => {
      const messages = this.#sharedOf(slab)
      if (messages.length === 0 || !slab.resident) return undefined
      let bytes = 0
      const places = messages.map((message) => {
        const place = { message, at: bytes, bytes: contentBytes(message) }
        bytes += place.bytes
        return place
      })
      const payload = encodeBodies(messages, bytes, this.#staging)
      try {
        const ref = await segments.write(payload)
        const file = new BodyFile({ id: ref.id, file: ref, runs: undefined })
        this.#bodies.add(file)
        for (const place of places) this.#bodies.setPlace(place.message, { file, at: place.at, bytes: place.bytes })
        return file
      } finally {
        this.#staging.give(payload)
      }
    })
    this.#placing = placing.then(
      () => undefined,
      () => undefined,
    )
    return placing
  }
}
