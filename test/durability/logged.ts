import { readFileSync } from 'node:fs'

/** What came out of a queue, in its order. */
export interface Found {
  readonly id: string
  readonly redelivered: boolean
}

/** What a client's log says of one message in one queue. */
interface Logged {
  isConfirmed: boolean
  isDelivered: boolean
  isAcknowledged: boolean
  isProven: boolean
  isRequeued: boolean
  /** It was looked for in vain. */
  isGone: boolean
}

/** What clients that keep a log have seen, over all restarts. The lines are described in foreign/go/main.go. */
export class ClientLog {
  readonly #queues = new Map<string, Map<string, Logged>>()
  confirmed = 0
  acknowledged = 0

  read(file: string): void {
    for (const line of readFileSync(file, 'utf8').split('\n')) if (line !== '') this.#line(line)
  }

  #line(line: string): void {
    const [what, queue = '', id = ''] = line.split(' ')
    const logged = this.#logged(queue, id)
    if (what === 'c') {
      logged.isConfirmed = true
      this.confirmed++
    } else if (what === 'd') logged.isDelivered = true
    else if (what === 'r') logged.isRequeued = true
    else if (what === 'h') logged.isProven = true
    else if (what === 'a') {
      logged.isAcknowledged = true
      this.acknowledged++
    } else if (what !== 'p') throw new Error(`a line of the log is no line: ${line}`)
  }

  #logged(queue: string, id: string): Logged {
    let messages = this.#queues.get(queue)
    if (messages === undefined) {
      messages = new Map()
      this.#queues.set(queue, messages)
    }
    let logged = messages.get(id)
    if (logged === undefined) {
      logged = {
        isConfirmed: false,
        isDelivered: false,
        isAcknowledged: false,
        isProven: false,
        isRequeued: false,
        isGone: false,
      }
      messages.set(id, logged)
    }
    return logged
  }

  /** Compares with all that a queue has after a restart. @returns what is wrong, in plain words. */
  compare(queue: string, found: readonly Found[]): string[] {
    const faults: string[] = []
    const messages = this.#queues.get(queue) ?? new Map<string, Logged>()
    const there = new Set<string>()
    const last = new Map<string, number>()
    for (const { id, redelivered } of found) {
      const logged = messages.get(id)
      if (logged === undefined) faults.push(`${id} in ${queue} was never published`)
      else if (logged.isProven) faults.push(`${id} in ${queue} comes back after its ack`)
      else if (logged.isGone) faults.push(`${id} in ${queue} was gone and is back`)
      else if (logged.isDelivered && !redelivered) faults.push(`${id} in ${queue} is not flagged redelivered`)
      if (there.has(id)) faults.push(`${id} is twice in ${queue}`)
      there.add(id)
      if (logged?.isRequeued) continue
      const [publisher = '', number] = id.split('-')
      if (Number(number) < (last.get(publisher) ?? 0)) faults.push(`${id} in ${queue} is behind ${last.get(publisher)}`)
      last.set(publisher, Number(number))
    }
    for (const [id, logged] of messages) {
      const isThere = there.has(id)
      if (!isThere && logged.isConfirmed && !logged.isAcknowledged) faults.push(`${id} is lost from ${queue}`)
      // What was open is settled by what was found, and all that was found has been delivered once more.
      logged.isGone = !isThere
      logged.isConfirmed = isThere
      logged.isAcknowledged = false
      logged.isDelivered = isThere
    }
    return faults
  }
}
