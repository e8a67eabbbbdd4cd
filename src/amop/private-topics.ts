import { randomBytes } from 'node:crypto'
import type { Clock, Logger, Timer, Timers } from '../base/index.ts'
import type { Listener } from './router/listener.ts'
import type { Router } from './router/router.ts'
import { isObject } from './session/json.ts'
import { findChallengeTopic, isPrivateTopic, publishedPrivateTopic } from './topic-names.ts'

/** A session, as the verification of private topics sees it. */
export interface PrivateSession extends Listener {
  /** Sends a 0x37. @returns false when it cannot be sent now. */
  requestVerification(body: Buffer): boolean
}

type State = 'verifying' | 'verified' | 'failed'

/** That one session wants one private topic's messages. */
interface Claim {
  readonly session: PrivateSession
  readonly topic: string
  state: State
  /** By which name it is challenged; undefined while it has announced none. */
  challengeTopic: string | undefined
  /** Stands for the session, as if it sat behind a node of its own; another one for each challenge topic. */
  nodeId: string
  /** Publishers that were asked to verify it under this name. */
  asked: Set<PrivateSession>
  askedAt: number
}

export interface PrivateTopicsOptions {
  readonly clock: Clock
  readonly timers: Timers
  readonly log: Logger
  readonly router: Router
  readonly verifyIntervalMs: number
}

/**
 * Who may get the messages of private topics. A publisher is asked to challenge each subscriber and says what came of it;
 * only then does the subscriber listen. A node knows no more of it: the challenge is a unicast like any other.
 *
 * On a real chain this is between nodes, and the sessions of one node are never verified. Here every session counts as
 * its own node, so that the check holds on one machine too.
 */
export class PrivateTopics {
  readonly #options: PrivateTopicsOptions
  readonly #claims = new Map<PrivateSession, Map<string, Claim>>()
  readonly #byNodeId = new Map<string, Claim>()
  readonly #verifying = new Set<Claim>()
  /** Private topics each publisher has, and the other way round. */
  readonly #published = new Map<PrivateSession, Set<string>>()
  readonly #publishers = new Map<string, Set<PrivateSession>>()
  #timer: Timer | undefined
  readonly #repeat = (): void => {
    this.#timer = undefined
    for (const claim of this.#verifying) this.#ask(claim)
    this.#arm()
  }

  constructor(options: PrivateTopicsOptions) {
    this.#options = options
  }

  /** @returns undefined when the session does not claim that topic. */
  state(session: PrivateSession, topic: string): State | undefined {
    return this.#claims.get(session)?.get(topic)?.state
  }

  /** The session has announced its topics; a claim that it had before keeps its state. */
  announce(session: PrivateSession, topics: ReadonlySet<string>): void {
    this.#announcePublished(session, topics)
    this.#announceClaims(session, topics)
    const published = this.#published.get(session)
    for (const claim of this.#verifying) {
      if (claim.session === session || published?.has(claim.topic)) this.#ask(claim)
    }
    this.#arm()
  }

  /** The session has gone. */
  leave(session: PrivateSession): void {
    this.#announcePublished(session, NO_TOPICS)
    this.#announceClaims(session, NO_TOPICS)
    for (const claim of this.#verifying) {
      // Somebody else may be asked at once.
      if (claim.asked.delete(session)) claim.askedAt = Number.NEGATIVE_INFINITY
    }
    this.#arm()
  }

  /** A session says what came of a challenge; only the one that was asked is heard. */
  verdict(from: PrivateSession, json: unknown): void {
    const { log, router } = this.#options
    const { checkResult, nodeId, topic } = isObject(json) ? json : {}
    const claim = typeof nodeId === 'string' ? this.#byNodeId.get(nodeId) : undefined
    if (claim === undefined || claim.topic !== topic || typeof checkResult !== 'number') {
      log.debug('amop: a verification result about nobody who waits for one', { session: from.name })
      return
    }
    const fields = { session: claim.session.name, topic, publisher: from.name }
    if (!claim.asked.has(from)) {
      log.warn('amop: a verification result from a session that was not asked', fields)
      return
    }
    if (claim.state !== 'verifying') return
    this.#verifying.delete(claim)
    this.#arm()
    if (checkResult === 0) {
      claim.state = 'verified'
      router.subscribe(claim.session, topic)
      log.info('amop: a subscriber of a private topic was verified', fields)
    } else {
      claim.state = 'failed'
      log.warn('amop: a subscriber of a private topic was refused', { ...fields, checkResult })
    }
  }

  #announcePublished(session: PrivateSession, topics: ReadonlySet<string>): void {
    const now = new Set<string>()
    for (const topic of topics) {
      const published = publishedPrivateTopic(topic)
      if (published !== undefined) now.add(published)
    }
    for (const topic of this.#published.get(session) ?? []) {
      if (now.has(topic)) continue
      const publishers = this.#publishers.get(topic)
      publishers?.delete(session)
      if (publishers?.size === 0) this.#publishers.delete(topic)
    }
    for (const topic of now) {
      const publishers = this.#publishers.get(topic)
      if (publishers === undefined) this.#publishers.set(topic, new Set([session]))
      else publishers.add(session)
    }
    if (now.size > 0) this.#published.set(session, now)
    else this.#published.delete(session)
  }

  #announceClaims(session: PrivateSession, topics: ReadonlySet<string>): void {
    const claims = this.#claims.get(session) ?? new Map<string, Claim>()
    for (const claim of claims.values()) {
      if (topics.has(claim.topic)) continue
      claims.delete(claim.topic)
      this.#byNodeId.delete(claim.nodeId)
      this.#verifying.delete(claim)
      this.#options.router.unsubscribe(session, claim.topic)
    }
    for (const topic of topics) {
      if (!isPrivateTopic(topic)) continue
      let claim = claims.get(topic)
      if (claim === undefined) {
        claim = newClaim(session, topic)
        claims.set(topic, claim)
        this.#byNodeId.set(claim.nodeId, claim)
        this.#verifying.add(claim)
      }
      if (claim.state === 'verifying') this.#rename(claim, findChallengeTopic(topics, topic))
    }
    if (claims.size > 0) this.#claims.set(session, claims)
    else this.#claims.delete(session)
  }

  /**
   * java-sdk makes a new challenge topic at every announcement. A challenge to the former one has failed by that, and its
   * result must not count: so what is asked from now on goes by another node id.
   */
  #rename(claim: Claim, challengeTopic: string | undefined): void {
    if (claim.challengeTopic === challengeTopic) return
    claim.challengeTopic = challengeTopic
    if (claim.asked.size === 0) return
    this.#byNodeId.delete(claim.nodeId)
    claim.nodeId = newNodeId()
    this.#byNodeId.set(claim.nodeId, claim)
    claim.asked = new Set()
    claim.askedAt = Number.NEGATIVE_INFINITY
  }

  /** Asks one of those who publish, unless somebody was asked lately. */
  #ask(claim: Claim): void {
    const { clock, log, verifyIntervalMs } = this.#options
    const { session, topic, nodeId, challengeTopic } = claim
    if (challengeTopic === undefined || clock.now - claim.askedAt < verifyIntervalMs) return
    const publishers = [...(this.#publishers.get(topic) ?? [])]
    const publisher = publishers[Math.floor(Math.random() * publishers.length)]
    if (publisher === undefined) return
    const body = Buffer.from(JSON.stringify({ nodeId, topic, topicForCert: challengeTopic }))
    if (!publisher.requestVerification(body)) return
    claim.asked.add(publisher)
    claim.askedAt = clock.now
    if (log.debugEnabled) {
      log.debug('amop: a publisher is asked to verify a subscriber', {
        session: session.name,
        topic,
        publisher: publisher.name,
      })
    }
  }

  #arm(): void {
    const { clock, timers, verifyIntervalMs } = this.#options
    if (this.#verifying.size === 0) {
      timers.cancel(this.#timer)
      this.#timer = undefined
    } else {
      this.#timer ??= timers.schedule(clock.now + verifyIntervalMs, this.#repeat)
    }
  }
}

const NO_TOPICS: ReadonlySet<string> = new Set()

function newClaim(session: PrivateSession, topic: string): Claim {
  return {
    session,
    topic,
    state: 'verifying',
    challengeTopic: undefined,
    nodeId: newNodeId(),
    asked: new Set(),
    askedAt: Number.NEGATIVE_INFINITY,
  }
}

/** As long as a node's public key. */
function newNodeId(): string {
  return randomBytes(64).toString('hex')
}
