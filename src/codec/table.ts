import { type FieldValue, fieldEquals } from './field.ts'

/**
 * A field table: pairs in the order they came, duplicates included.
 *
 * ```ts
 * new Table().set('x-max-length', int(10)).set('x-overflow', longstr('reject-publish'))
 * ```
 */
export class Table {
  readonly entries: [name: string, value: FieldValue][]

  constructor(entries: [name: string, value: FieldValue][] = []) {
    this.entries = entries
  }

  /** A table without entries, a fresh one each time, so it may be added to. */
  static get empty(): Table {
    return new Table()
  }

  /** How many entries there are, duplicates counted. */
  get size(): number {
    return this.entries.length
  }

  /** The first value of that name. */
  get(name: string): FieldValue | undefined {
    for (const entry of this.entries) if (entry[0] === name) return entry[1]
    return undefined
  }

  has(name: string): boolean {
    return this.get(name) !== undefined
  }

  /** Puts the value in the place of the first entry of that name and drops its duplicates; a new name goes last. */
  set(name: string, value: FieldValue): this {
    const first = this.entries.findIndex((entry) => entry[0] === name)
    if (first < 0) {
      this.entries.push([name, value])
      return this
    }
    this.entries[first] = [name, value]
    this.#remove(name, first + 1)
    return this
  }

  /** Removes every entry of that name; false when there was none. */
  delete(name: string): boolean {
    return this.#remove(name, 0)
  }

  /** Whether the other has the same names with equal values (`fieldEquals`), in whatever order. */
  equals(other: Table): boolean {
    if (this.size !== other.size) return false
    const others = other.#byName()
    for (const [name, values] of this.#byName()) {
      const theirs = others.get(name)
      if (theirs?.length !== values.length) return false
      if (!values.every((value, index) => fieldEquals(value, theirs[index] as FieldValue))) return false
    }
    return true
  }

  #byName(): Map<string, FieldValue[]> {
    const groups = new Map<string, FieldValue[]>()
    for (const [name, value] of this.entries) {
      const group = groups.get(name)
      if (group) group.push(value)
      else groups.set(name, [value])
    }
    return groups
  }

  #remove(name: string, from: number): boolean {
    let kept = from
    for (let i = from; i < this.entries.length; i++) {
      const entry = this.entries[i] as [string, FieldValue]
      if (entry[0] !== name) this.entries[kept++] = entry
    }
    const removed = kept < this.entries.length
    this.entries.length = kept
    return removed
  }
}
