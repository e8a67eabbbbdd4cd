import type { Timer } from '../../base/index.ts'
import type { Packet } from '../packet/packet.ts'
import type { Due } from './deadlines.ts'
import type { Listener } from './listener.ts'
import { Message } from './message.ts'
import type { Publisher } from './publisher.ts'

/** What becomes of a unicast, said by the listener that has it. */
export interface UnicastOutcome {
  answered(unicast: Unicast, from: Listener, answer: Packet): void
  failed(unicast: Unicast, from: Listener, reason: string): void
}

/** A unicast that waits for its answer, and how far it has got. */
export class Unicast extends Message implements Due {
  dueAt = 0
  /** Who has it now. */
  listener: Listener | undefined
  /** The seq under which that one knows it; kept by the listener. */
  pushedSeq: string
  /** True when its frame is kept for another candidate after one has taken it. */
  retained = false
  /** Candidates that have not been tried; undefined until the first has failed. */
  rest: Listener[] | undefined
  /** When the first candidate of this node was tried, in ms since the epoch; 0 before. */
  localSince = 0
  /** Candidates of this node that have failed, and those of them that did so in an unexpected way. */
  localFailures = 0
  localErrors = 0
  /** The time of this node was over before all of its candidates had been tried. */
  localOver = false
  /** A listener has had it, and said what became of it or taken too long; others may have refused it. */
  wasTaken = false
  localTimer: Timer | undefined
  readonly #outcome: UnicastOutcome

  constructor(
    outcome: UnicastOutcome,
    publisher: Publisher,
    packet: Packet,
    topic: string | undefined,
    dataAt: number,
  ) {
    super(publisher, packet, topic, dataAt)
    this.#outcome = outcome
    this.pushedSeq = packet.seq
  }

  /**
   * Passes an answer on to the publisher; nothing happens when its time is over.
   * @param answer any frame: its result and body are passed on.
   */
  answer(from: Listener, answer: Packet): void {
    this.#outcome.answered(this, from, answer)
  }

  /** The listener will not answer: the next candidate is asked at once. */
  fail(from: Listener, reason: string): void {
    this.#outcome.failed(this, from, reason)
  }
}
