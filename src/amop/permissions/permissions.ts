import { applicationTopic, isBlockNotice } from '../topic-names.ts'
import { type Certificate, inOneLine } from '../transport.ts'
import { compilePattern } from './pattern.ts'
import type { Grants, PermissionRules, RuleWho } from './rules.ts'

/**
 * What one party may do; topics as on the wire. Block notices are everybody's: each SDK announces them, and nothing is
 * ever delivered to them.
 */
export interface TopicAccess {
  publish(topic: string): boolean
  /** Also for the names of private topics: one that says that its bearer publishes needs the right to publish. */
  subscribe(topic: string): boolean
}

/** Who wants to do something: an SDK by its certificate, a user of the bridge by name. */
export type Party = { readonly certificate: Certificate | undefined } | { readonly user: string }

/** Answers kept for one party; SDKs publish to few topics, and an attacker's many must not fill the memory. */
const ANSWERS_MAX = 4096

export const FULL_ACCESS: TopicAccess = { publish: () => true, subscribe: () => true }

type Matcher = (text: string) => boolean

interface CompiledRule {
  readonly who: readonly ((party: Party) => boolean)[]
  readonly grants: CompiledGrants
}

interface CompiledGrants {
  readonly publish: readonly Matcher[]
  readonly subscribe: readonly Matcher[]
}

/** Who may publish and subscribe to which topics, by the rules of a file. */
export class TopicPermissions {
  readonly #rules: readonly CompiledRule[]
  readonly #others: CompiledGrants

  constructor({ rules, others }: PermissionRules) {
    this.#rules = rules.map(({ who, ...grants }) => ({ who: compileWho(who), grants: compileGrants(grants) }))
    this.#others = compileGrants(others)
  }

  /** Worked out once a party: keep it, and ask again when the rules have been read anew. */
  accessOf(party: Party): TopicAccess {
    const own = this.#rules.filter(({ who }) => who.every((matches) => matches(party)))
    return new GrantedAccess(own.length > 0 ? own.map(({ grants }) => grants) : [this.#others])
  }
}

class GrantedAccess implements TopicAccess {
  readonly #publish: readonly Matcher[]
  readonly #subscribe: readonly Matcher[]
  readonly #publishAnswers = new Map<string, boolean>()
  readonly #subscribeAnswers = new Map<string, boolean>()

  constructor(grants: readonly CompiledGrants[]) {
    this.#publish = grants.flatMap(({ publish }) => publish)
    this.#subscribe = grants.flatMap(({ subscribe }) => subscribe)
  }

  publish(topic: string): boolean {
    return ask(this.#publishAnswers, topic, () => {
      return isBlockNotice(topic) || matchesAny(this.#publish, applicationTopic(topic).name)
    })
  }

  subscribe(topic: string): boolean {
    return ask(this.#subscribeAnswers, topic, () => {
      if (isBlockNotice(topic)) return true
      const { name, publisher } = applicationTopic(topic)
      return matchesAny(publisher ? this.#publish : this.#subscribe, name)
    })
  }
}

function ask(answers: Map<string, boolean>, topic: string, find: () => boolean): boolean {
  const known = answers.get(topic)
  if (known !== undefined) return known
  const answer = find()
  if (answers.size >= ANSWERS_MAX) answers.clear()
  answers.set(topic, answer)
  return answer
}

function matchesAny(matchers: readonly Matcher[], text: string): boolean {
  return matchers.some((matches) => matches(text))
}

function compileGrants({ publish, subscribe }: Grants): CompiledGrants {
  return { publish: publish.map(compilePattern), subscribe: subscribe.map(compilePattern) }
}

function compileWho({ subject, agency, publicKey, user }: RuleWho): ((party: Party) => boolean)[] {
  const who: ((party: Party) => boolean)[] = []
  if (subject) who.push(ofCertificate(subject.map(compilePattern), (certificate) => names(certificate.subject)))
  if (agency) who.push(ofCertificate(agency.map(compilePattern), (certificate) => names(certificate.issuer)))
  if (publicKey) {
    const keys = publicKey.map(
      (key): Matcher =>
        (text) =>
          text === key,
    )
    who.push(ofCertificate(keys, (certificate) => [certificate.publicKey.toLowerCase()]))
  }
  if (user) {
    const matchers = user.map(compilePattern)
    who.push((party) => 'user' in party && matchesAny(matchers, party.user))
  }
  return who
}

function ofCertificate(
  matchers: readonly Matcher[],
  textsOf: (certificate: Certificate) => string[],
): (party: Party) => boolean {
  return (party) => {
    if (!('certificate' in party) || party.certificate === undefined) return false
    return textsOf(party.certificate).some((text) => matchesAny(matchers, text))
  }
}

/** The common names of a distinguished name, and the whole in one line. */
function names(distinguishedName: string): string[] {
  const attributes = distinguishedName.split('\n')
  const commonNames = attributes.filter((attribute) => attribute.startsWith('CN=')).map((name) => name.slice(3))
  return [...commonNames, inOneLine(distinguishedName)]
}
