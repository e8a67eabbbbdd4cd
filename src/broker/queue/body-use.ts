import type { BrokerContext } from '../host.ts'
import type { StoredBodies } from '../storage/index.ts'
import type { BodyFile, BodyPlace } from './body-file.ts'
import { bytesIn, Runs, withoutRun } from './runs.ts'
import type { OutsideBody } from './slab-file.ts'

/** What a slab's file has in one body file. */
interface Share {
  /** Messages that are alive; unknown while the slab is not in memory. */
  count: number
  bytes: number
  /** Where they were when the slab gave its memory back. */
  runs: Int32Array
}

const NOTHING = new Int32Array(0)

/** The large messages outside that one file of a slab refers to. It stops to refer to a body file with the last of them. */
export class BodyUse {
  readonly #shares = new Map<BodyFile, Share>()
  /** Of a slab in memory: by offset of the record. */
  #places = new Map<number, BodyPlace>()
  #isPaged = false

  /** Of a file that is about to be written. @returns undefined when it refers to nothing. */
  static of(places: Map<number, BodyPlace>): BodyUse | undefined {
    if (places.size === 0) return undefined
    const use = new BodyUse()
    use.#take(places)
    return use
  }

  /** As the journal knows it. @param fileOf its id. */
  static restored(bodies: readonly StoredBodies[], fileOf: (id: number) => BodyFile): BodyUse | undefined {
    if (bodies.length === 0) return undefined
    const use = new BodyUse()
    use.#isPaged = true
    for (const { id, runs } of bodies) {
      const file = fileOf(id)
      use.#shares.set(file, { count: 0, bytes: bytesIn(runs), runs })
      file.uses.add(use)
    }
    return use
  }

  get files(): Iterable<BodyFile> {
    return this.#shares.keys()
  }

  /** Bytes of the messages that are alive; after a crash, until the slab is read, of more than these. */
  get bytes(): number {
    let bytes = 0
    for (const share of this.#shares.values()) bytes += share.bytes
    return bytes
  }

  /** What the journal is to know of it. */
  get stored(): StoredBodies[] {
    return [...this.#shares.keys()].map((file) => ({ id: file.id, runs: this.runsOf(file) }))
  }

  placeOf(offset: number): BodyPlace | undefined {
    return this.#places.get(offset)
  }

  fileOf(id: number): BodyFile | undefined {
    for (const file of this.#shares.keys()) if (file.id === id) return file
    return undefined
  }

  /** Where in the file the messages are. */
  runsOf(file: BodyFile): Int32Array {
    if (this.#isPaged) return this.#shares.get(file)?.runs ?? NOTHING
    const places: BodyPlace[] = []
    for (const place of this.#places.values()) if (place.file === file) places.push(place)
    places.sort((a, b) => a.at - b.at)
    const runs = new Runs()
    for (const { at, bytes } of places) runs.add(at, bytes)
    return runs.bounds()
  }

  /** The slab gives its memory back. */
  pageOut(): void {
    for (const [file, share] of this.#shares) share.runs = this.runsOf(file)
    this.#places = new Map()
    this.#isPaged = true
  }

  /** The slab is in memory, with these of the messages. */
  load(places: Map<number, BodyPlace>, context: BrokerContext): void {
    const before = [...this.#shares.keys()]
    this.#shares.clear()
    this.#isPaged = false
    this.#take(places)
    for (const file of before) if (!this.#shares.has(file)) this.#leave(file, context)
  }

  /** Forgets those whose records have gone since the file was begun. */
  prune(isThere: (offset: number) => boolean, context: BrokerContext): void {
    for (const offset of [...this.#places.keys()]) if (!isThere(offset)) this.settle(offset, context)
  }

  /** A record of the slab, which is in memory, is settled, and the journal will be told so this turn. */
  settle(offset: number, context: BrokerContext): void {
    const place = this.#places.get(offset)
    if (place === undefined) return
    this.#places.delete(offset)
    const { file, bytes } = place
    const share = this.#shares.get(file) as Share
    share.bytes -= bytes
    file.touch()
    if (--share.count > 0) return
    this.#shares.delete(file)
    this.#leave(file, context)
  }

  /** As `settle`, of a slab that is paged. @param body that no other record of the slab has */
  settlePaged({ id, at, bytes }: OutsideBody, context: BrokerContext): void {
    const file = this.fileOf(id)
    if (file === undefined) return
    const share = this.#shares.get(file) as Share
    share.runs = withoutRun(share.runs, at, at + bytes, at + bytes)
    share.bytes -= bytes
    file.touch()
    if (share.runs.length > 0) return
    this.#shares.delete(file)
    this.#leave(file, context)
  }

  /** The slab's file is not needed any more. */
  release(context: BrokerContext): void {
    const files = [...this.#shares.keys()]
    this.#shares.clear()
    this.#places.clear()
    for (const file of files) this.#leave(file, context)
  }

  #take(places: Map<number, BodyPlace>): void {
    this.#places = places
    for (const { file, bytes } of places.values()) {
      const share = this.#shares.get(file)
      if (share === undefined) {
        this.#shares.set(file, { count: 1, bytes, runs: NOTHING })
        file.uses.add(this)
        file.touch()
      } else {
        share.count++
        share.bytes += bytes
      }
    }
  }

  #leave(file: BodyFile, context: BrokerContext): void {
    file.uses.delete(this)
    file.touch()
    file.dropIfUnused(context)
  }
}
