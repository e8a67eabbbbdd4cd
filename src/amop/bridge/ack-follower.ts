import type { Follower, Queue, QueueEnd } from '../../broker/index.ts'
import type { Unicast } from '../router/unicast.ts'
import type { Answers, Due } from './answers.ts'
import type { BoundListener } from './bound-listener.ts'

const REASONS: Readonly<Record<Exclude<QueueEnd, 'acknowledged'>, string>> = {
  requeued: 'its consumer has not acknowledged it',
  rejected: 'a consumer rejected it',
  delivery_limit: 'it was delivered too often',
  expired: 'it expired in the queue',
  maxlen: 'the queue had to drop it',
  purged: 'the queue was purged',
  deleted: 'the queue was deleted',
}

/** Waits for a consumer to acknowledge a message that came as a unicast (`x-amop-reply: ack`), in one queue or several. */
export class AckFollower implements Follower, Due {
  readonly #listener: BoundListener
  readonly #unicast: Unicast
  readonly #answers: Answers
  readonly #places: { readonly queue: Queue; readonly place: number }[] = []
  #left = 0
  #acknowledged = false
  #reason = ''

  constructor(listener: BoundListener, unicast: Unicast, answers: Answers) {
    this.#listener = listener
    this.#unicast = unicast
    this.#answers = answers
  }

  placed(queue: Queue, place: number): void {
    this.#places.push({ queue, place })
    this.#left++
  }

  ended(end: QueueEnd): void {
    if (end === 'acknowledged') this.#acknowledged = true
    else {
      this.#left--
      this.#reason = REASONS[end]
    }
    if (this.#acknowledged || this.#left === 0) this.#answers.add(this)
  }

  say(): void {
    if (!this.#acknowledged && this.#left > 0) return
    this.cancel()
    if (this.#acknowledged) this.#listener.received(this.#unicast)
    else this.#listener.fail(this.#unicast, this.#reason)
  }

  /** Nobody waits for it any more. */
  cancel(): void {
    for (const { queue, place } of this.#places.splice(0)) queue.unfollow(place)
  }
}
