import type { Logger } from '../../base/index.ts'
import type { Loss } from './paging.ts'
import { PLACE_SPAN } from './slabs.ts'

/** What a loss means for a queue's counts. */
export interface LossCounts {
  readonly ready: number
  readonly readyBytes: number
  readonly unacked: number
  readonly unackedBytes: number
}

/** Messages that damaged files have taken while somebody had them, who is going to settle them all the same. */
export class Losses {
  #places: Set<number> | undefined

  /** Takes the lost messages out of their line. */
  take({ slab, unread, unreadBodyBytes, taken }: Loss): LossCounts {
    const start = slab.number * PLACE_SPAN
    const bytesByPlace = new Map(taken.map(({ offset, bodyBytes }) => [start + offset, bodyBytes]))
    const returned = slab.line.lose(unread, new Set(bytesByPlace.keys()))
    let readyBytes = unreadBodyBytes
    for (const place of returned) {
      readyBytes += bytesByPlace.get(place) as number
      bytesByPlace.delete(place)
    }
    let unackedBytes = 0
    for (const [place, bytes] of bytesByPlace) {
      unackedBytes += bytes
      this.#places ??= new Set()
      this.#places.add(place)
    }
    return { ready: unread + returned.length, readyBytes, unacked: bytesByPlace.size, unackedBytes }
  }

  /** Somebody settles a message. @returns whether it is one of those, which is over now. */
  settle(place: number): boolean {
    return this.#places?.delete(place) === true
  }

  clear(): void {
    this.#places = undefined
  }
}

/** @param whose the queue or exchange, as errors name it */
export function reportLoss(log: Logger, whose: string, messages: number, { file, reason }: Loss): void {
  const cause = `segment ${file.id} cannot be read: ${reason}`
  if (messages === 0) log.warn(`no message of ${whose} is lost, but ${cause}`)
  else log.error(`${messages} messages of ${whose} are lost: ${cause}`)
}
