/** Whom a rule is about: all that is given must match. Texts are patterns, see `compilePattern`. */
export interface RuleWho {
  /** The certificate's subject: its common name, or the whole, such as `C=CN,O=fisco-bcos,CN=sdk`. */
  readonly subject?: readonly string[]
  /** The certificate's issuer, likewise. */
  readonly agency?: readonly string[]
  /** The certificate's public key in hex digits, see `Certificate`; no pattern. */
  readonly publicKey?: readonly string[]
  /** Name of an AMQP user. */
  readonly user?: readonly string[]
}

/** What somebody may do: patterns of topics. */
export interface Grants {
  readonly publish: readonly string[]
  readonly subscribe: readonly string[]
}

export interface Rule extends Grants {
  readonly who: RuleWho
}

/** Who may publish and subscribe to what. Rules add up; who is in none of them may do what `others` says. */
export interface PermissionRules {
  readonly rules: readonly Rule[]
  readonly others: Grants
}

type Texts = string | readonly string[]

/** What somebody may do, as in the file: a text is a list of one, and what is left out is nothing. */
export interface GrantsEntry {
  readonly publish?: Texts
  readonly subscribe?: Texts
}

/** A rule as in the file; see `RuleWho` for the first four. */
export interface RuleEntry extends GrantsEntry {
  readonly subject?: Texts
  readonly agency?: Texts
  readonly publicKey?: Texts
  readonly user?: Texts
}

/** What the file of permissions says, or the same with the parties apart, as it is kept. */
export interface AmopPermissions {
  readonly rules: readonly (RuleEntry | Rule)[]
  readonly others?: GrantsEntry
}

const WHO_FIELDS = ['subject', 'agency', 'publicKey', 'user'] as const
const PUBLIC_KEY = /^[0-9a-f]+$/

/** The file of permissions says something that cannot be meant. */
export class PermissionFileError extends Error {}

/**
 * Reads the file of permissions, which is JSON; docs/amop-codes.md has an example.
 * @throws PermissionFileError that says where it is wrong.
 */
export function parsePermissions(text: string): PermissionRules {
  let json: unknown
  try {
    json = JSON.parse(text.replace(/^\ufeff/, ''))
  } catch (error) {
    throw new PermissionFileError(`not JSON: ${jsonProblem(text, (error as Error).message)}`)
  }
  return readPermissions(json)
}

/**
 * Checks what the file says, or what a program gives in its place.
 * @throws PermissionFileError that says where it is wrong.
 */
export function readPermissions(json: unknown): PermissionRules {
  const file = fields(json, 'the whole', ['rules', 'others'])
  if (!Array.isArray(file.rules)) throw new PermissionFileError('rules must be there and a list, which may be empty')
  return {
    rules: file.rules.map((rule, index) => readRule(rule, `rules[${index}]`)),
    others: file.others === undefined ? { publish: [], subscribe: [] } : readGrants(file.others, 'others', []),
  }
}

// What V8 says of a token that cannot stand there: the ten characters before it, and the ten from it on.
const TOKEN_IN_CONTEXT = /^Unexpected token .*?, \.{3}"(.*)"(?:\.{3})? is not valid JSON$/s
const CONTEXT_LENGTH = 10

/** V8 counts characters, or shows some; people count lines. */
function jsonProblem(text: string, message: string): string {
  if (/\(line /.test(message)) return message
  const position = jsonPosition(text, message)
  if (position === undefined) return message
  const before = text.slice(0, position).split('\n')
  const reason = message.replace(/, \.{3}".*$/s, '')
  return `${reason} (line ${before.length} column ${(before.at(-1) as string).length + 1})`
}

function jsonPosition(text: string, message: string): number | undefined {
  const [, counted] = /at position (\d+)/.exec(message) ?? []
  if (counted !== undefined) return Number(counted)
  const [, context = ''] = TOKEN_IN_CONTEXT.exec(message) ?? []
  const at = text.indexOf(context)
  return context !== '' && at === text.lastIndexOf(context) ? at + CONTEXT_LENGTH : undefined
}

function readRule(json: unknown, where: string): Rule {
  const { who: apart, ...others } = Object(json) as Partial<Rule>
  const given = apart === undefined ? json : { ...fields(apart, `${where}.who`, WHO_FIELDS), ...others }
  const rule = fields(given, where, [...WHO_FIELDS, 'publish', 'subscribe'])
  const who: Record<string, string[]> = {}
  for (const name of WHO_FIELDS) {
    if (rule[name] === undefined) continue
    who[name] = texts(rule[name], `${where}.${name}`)
    if (name === 'publicKey') who[name] = who[name].map((key) => publicKey(key, where))
  }
  if (Object.keys(who).length === 0) {
    throw new PermissionFileError(`${where} names nobody: it needs one of ${WHO_FIELDS.join(', ')}`)
  }
  return { who, ...readGrants(rule, where, WHO_FIELDS) }
}

function readGrants(json: unknown, where: string, besides: readonly string[]): Grants {
  const grants = fields(json, where, [...besides, 'publish', 'subscribe'])
  return {
    publish: grants.publish === undefined ? [] : texts(grants.publish, `${where}.publish`),
    subscribe: grants.subscribe === undefined ? [] : texts(grants.subscribe, `${where}.subscribe`),
  }
}

/** Certificates' tools write them in either case, and with or without the 04 of an uncompressed point. */
function publicKey(text: string, where: string): string {
  const key = text.toLowerCase()
  if (!PUBLIC_KEY.test(key)) throw new PermissionFileError(`${where}.publicKey must be hex digits`)
  return key.length === 130 && key.startsWith('04') ? key.slice(2) : key
}

function fields(json: unknown, where: string, known: readonly string[]): Record<string, unknown> {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    throw new PermissionFileError(`${where} must be an object`)
  }
  for (const name of Object.keys(json)) {
    if (!known.includes(name)) throw new PermissionFileError(`${where} has an unknown field '${name}'`)
  }
  return json as Record<string, unknown>
}

function texts(json: unknown, where: string): string[] {
  const list = Array.isArray(json) ? json : [json]
  if (!list.every((text) => typeof text === 'string')) {
    throw new PermissionFileError(`${where} must be a text or a list of texts`)
  }
  return list
}
