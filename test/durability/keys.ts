import type { Copy, Ledger } from './ledger.ts'

/** What is known of a key of a deduplicating exchange. */
class Key {
  /** The broker knows it for sure: what is published with it again is a duplicate. */
  isKnown = false
  /** Of these at most one may be there. */
  copies: Copy[] = []
}

/** The keys that were used at the deduplicating exchange, over all restarts. */
export class Keys {
  readonly #keys: Key[] = []
  readonly #uncertain = new Set<Key>()

  get count(): number {
    return this.#keys.length
  }

  /** Makes one that nobody has used. */
  add(): number {
    return this.#keys.push(new Key()) - 1
  }

  isKnown(key: number): boolean {
    return this.#key(key).isKnown
  }

  publish(number: number, copy: Copy): void {
    const key = this.#key(number)
    if (key.isKnown) return
    copy.isEither = true
    key.copies.push(copy)
    this.#uncertain.add(key)
  }

  confirm(number: number): void {
    this.#key(number).isKnown = true
  }

  /** Everything has been looked at since the restart. */
  judge(ledger: Ledger): void {
    for (const key of this.#uncertain) {
      const { copies } = key
      const there = copies.filter(({ seen }) => seen > 0)
      if (there.length > 1) ledger.faults.push(`two of one key: ${there.join(' and ')}`)
      if (there.length === 0 && key.isKnown)
        ledger.faults.push(`lost, though its key was taken: ${copies.join(' or ')}`)
      for (const copy of copies) {
        copy.isEither = false
        if (copy.seen === 0) ledger.dismiss(copy)
      }
      key.isKnown ||= there.length > 0
      key.copies = []
    }
    this.#uncertain.clear()
  }

  #key(number: number): Key {
    return this.#keys[number] as Key
  }
}
