import type { Message } from '../message.ts'
import type { StoredBodyFile } from '../storage/index.ts'
import { BodyFile, type BodyPlace } from './body-file.ts'

/** A large message that is in memory. */
interface Holding {
  holders: number
  /** Where it lies in a body file, if it does. */
  place: BodyPlace | undefined
}

/**
 * Counts the holders of large bodies that queues keep by reference, so that one body in a hundred queues counts as
 * memory once; and knows the files in which such bodies lie once for all queues.
 */
export class SharedBodies {
  readonly #files = new Map<number, BodyFile>()
  readonly #holdings = new Map<Buffer, Holding>()

  /** How many bodies are held. */
  get size(): number {
    return this.#holdings.size
  }

  /** Body files that somebody refers to. */
  get files(): Iterable<BodyFile> {
    return this.#files.values()
  }

  /** One more holder. @returns the bytes by which memory in use has grown: none when somebody held it already. */
  hold(body: Buffer): number {
    const holding = this.#holdings.get(body)
    if (holding !== undefined) {
      holding.holders++
      return 0
    }
    this.#holdings.set(body, { holders: 1, place: undefined })
    return body.length
  }

  /** One holder less. @returns the bytes by which memory in use has shrunk. */
  release(body: Buffer): number {
    const holding = this.#holdings.get(body)
    if (holding === undefined || --holding.holders > 0) return 0
    this.#holdings.delete(body)
    const { place } = holding
    if (place !== undefined) {
      place.file.inMemory.delete(place.at)
      place.file.touch()
    }
    return body.length
  }

  /** More than one slab holds it. */
  isShared(body: Buffer): boolean {
    return (this.#holdings.get(body)?.holders ?? 0) > 1
  }

  /** Where a body that is held lies in a file. One that is damaged does not count: what is in memory may be all there is. */
  placeOf(body: Buffer): BodyPlace | undefined {
    const place = this.#holdings.get(body)?.place
    return place?.file.isDamaged ? undefined : place
  }

  /** The message, if somebody holds it, lies in a file as well. */
  setPlace(message: Message, place: BodyPlace): void {
    const holding = this.#holdings.get(message.buffer)
    if (holding === undefined || place.file.isDropped || this.placeOf(message.buffer) !== undefined) return
    holding.place?.file.inMemory.delete(holding.place.at)
    holding.place = place
    place.file.inMemory.set(place.at, message)
  }

  add(file: BodyFile): void {
    this.#files.set(file.id, file)
  }

  /** What the journal has of body files; those that no slab then refers to are to be left out with `forgetUnused`. */
  restore(stored: Iterable<StoredBodyFile>): void {
    for (const file of stored) {
      const restored = new BodyFile(file)
      restored.isSynced = true
      this.add(restored)
    }
  }

  /** A file that was there before a restart; one that has nothing when the journal has lost it. */
  restored(id: number): BodyFile {
    const known = this.#files.get(id)
    if (known !== undefined) return known
    const lost = new BodyFile({ id, file: { id, bytes: 0 }, runs: undefined })
    lost.isDamaged = true
    this.add(lost)
    return lost
  }

  forgetUnused(): void {
    for (const file of this.#files.values()) if (file.uses.size === 0) this.#files.delete(file.id)
  }

  /** Nobody refers to the file: whoever holds something of it in memory has it there only. */
  forget(file: BodyFile): void {
    this.#files.delete(file.id)
    for (const { buffer } of file.inMemory.values()) {
      const holding = this.#holdings.get(buffer)
      if (holding !== undefined) holding.place = undefined
    }
    file.inMemory.clear()
  }
}
