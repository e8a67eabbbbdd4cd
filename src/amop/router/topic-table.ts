import type { Choice } from '../settings.ts'
import type { Listener } from './listener.ts'
import type { Publisher } from './publisher.ts'

/** Whoever wants to know who listens to one topic. Called when it is so; must not publish from there. */
export interface TopicWatcher {
  joined(listener: Listener): void
  left(listener: Listener): void
}

/** Who listens to one topic. */
export class TopicEntry {
  readonly listeners: Listener[] = []
  /** Listeners whose role may be another than `subscriber`. */
  #queues = 0
  #turn = 0

  add(listener: Listener): void {
    this.listeners.push(listener)
    if (listener.kind === 'queue') this.#queues++
  }

  remove(listener: Listener): boolean {
    const index = this.listeners.indexOf(listener)
    if (index < 0) return false
    this.listeners.splice(index, 1)
    if (listener.kind === 'queue') this.#queues--
    return true
  }

  /** Those to whom this publisher's messages may go at all; not to be changed. */
  listenersFor(publisher: Publisher): readonly Listener[] {
    const { listeners } = this
    if (publisher.excludes === undefined || !listeners.some((listener) => publisher.excludes?.(listener)))
      return listeners
    return listeners.filter((listener) => !publisher.excludes?.(listener))
  }

  /** Those to whom a unicast of this publisher may go now; not to be changed. */
  candidates(publisher: Publisher): readonly Listener[] {
    const listeners = this.listenersFor(publisher)
    if (this.#queues === 0) return listeners
    const subscribers = listeners.filter(({ role }) => role === 'subscriber')
    return subscribers.length > 0 ? subscribers : listeners.filter(({ role }) => role === 'fallback')
  }

  taps(publisher: Publisher): readonly Listener[] {
    return this.#queues === 0 ? NOBODY : this.listenersFor(publisher).filter(({ role }) => role === 'tap')
  }

  choose(candidates: readonly Listener[], choice: Choice, random: () => number): Listener | undefined {
    if (choice !== 'round-robin') return chooseFrom(candidates, choice, random)
    return candidates[this.#turn++ % candidates.length]
  }
}

const NOBODY: readonly Listener[] = []

/** @param random from 0 to 1, exclusive. */
export function chooseFrom(
  candidates: readonly Listener[],
  choice: Choice,
  random: () => number,
): Listener | undefined {
  const start = Math.floor(random() * candidates.length)
  const drawn = candidates[start]
  if (choice !== 'least-outstanding') return drawn
  // From the drawn one on, so that among equally busy ones all have their chance.
  let least = drawn
  for (let i = 1; i < candidates.length; i++) {
    const candidate = candidates[(start + i) % candidates.length]
    if (candidate && least && candidate.outstanding < least.outstanding) least = candidate
  }
  return least
}

/** Who listens to which topic. Topics are compared exactly; there are no wildcards. */
export class TopicTable {
  readonly #entries = new Map<string, TopicEntry>()
  readonly #watchers = new Map<string, Set<TopicWatcher>>()

  get size(): number {
    return this.#entries.size
  }

  topics(): IterableIterator<string> {
    return this.#entries.keys()
  }

  find(topic: string): TopicEntry | undefined {
    return this.#entries.get(topic)
  }

  has(listener: Listener, topic: string): boolean {
    return this.#entries.get(topic)?.listeners.includes(listener) ?? false
  }

  /** @returns false when it listened already. */
  add(listener: Listener, topic: string): boolean {
    if (this.has(listener, topic)) return false
    let entry = this.#entries.get(topic)
    if (entry === undefined) {
      entry = new TopicEntry()
      this.#entries.set(topic, entry)
    }
    entry.add(listener)
    for (const watcher of this.#watchers.get(topic) ?? []) watcher.joined(listener)
    return true
  }

  /** @returns false when it did not listen. */
  remove(listener: Listener, topic: string): boolean {
    const entry = this.#entries.get(topic)
    if (entry === undefined || !entry.remove(listener)) return false
    if (entry.listeners.length === 0) this.#entries.delete(topic)
    for (const watcher of this.#watchers.get(topic) ?? []) watcher.left(listener)
    return true
  }

  /** Has the watcher told of all who begin and cease to listen from now on. */
  watch(topic: string, watcher: TopicWatcher): void {
    const watchers = this.#watchers.get(topic)
    if (watchers === undefined) this.#watchers.set(topic, new Set([watcher]))
    else watchers.add(watcher)
  }

  unwatch(topic: string, watcher: TopicWatcher): void {
    const watchers = this.#watchers.get(topic)
    watchers?.delete(watcher)
    if (watchers?.size === 0) this.#watchers.delete(topic)
  }
}
