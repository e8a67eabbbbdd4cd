import type { DeathReason } from '../host.ts'
import type { Queue } from './queue.ts'

/** How a message's time in a queue ended, seen by whoever follows it: back in the queue it is dropped. */
export type QueueEnd = 'acknowledged' | 'requeued' | 'purged' | 'deleted' | DeathReason

/** Who wants to hear what becomes of one message. */
export interface Follower {
  /** The queue has taken it; `queue.unfollow(place)` ends the following. */
  placed(queue: Queue, place: number): void
  /** It is over in one of the queues that have taken it. Called in the midst of things: whatever follows has to wait. */
  ended(end: QueueEnd): void
}

/** The messages of one queue that somebody follows, by place. */
export class Followers {
  readonly #byPlace = new Map<number, Follower>()

  get size(): number {
    return this.#byPlace.size
  }

  places(): number[] {
    return [...this.#byPlace.keys()]
  }

  add(place: number, follower: Follower): void {
    this.#byPlace.set(place, follower)
  }

  remove(place: number): void {
    this.#byPlace.delete(place)
  }

  /** @returns false when nobody follows that message. */
  tell(place: number, end: QueueEnd): boolean {
    const follower = this.#byPlace.get(place)
    if (follower === undefined) return false
    this.#byPlace.delete(place)
    follower.ended(end)
    return true
  }

  tellAll(places: readonly number[], end: QueueEnd): void {
    for (const place of places) this.tell(place, end)
  }
}
