import { type Command, Option } from 'commander'
import { UsageError } from '../errors.ts'
import { type Parser, ValueError } from './parsers.ts'

/**
 * One thing that can be set. Its key in the table gives all its names: `tlsPort` is `--tls-port` on the command line
 * and `LEVERET_TLS_PORT` in the environment.
 */
export interface Setting<T> {
  /** What stands for the value in the help text, such as `PORT`. */
  readonly value: string
  readonly help: string
  /** The text that counts when nobody sets it; without one the value is undefined. */
  readonly fallback?: string
  /** The flag may be given more than once, which is as if its values were given between commas. */
  readonly repeatable?: boolean
  /** Other environment variables that set it, after its own. */
  readonly aliases?: readonly string[]
  readonly parse: Parser<T>
}

export type SettingTable = Readonly<Record<string, Setting<unknown>>>

/** A value for each row; undefined where there is no fallback. */
export type SettingsOf<Table extends SettingTable> = {
  readonly [Key in keyof Table]: Table[Key] extends { readonly fallback: string; readonly parse: Parser<infer T> }
    ? T
    : Table[Key] extends { readonly parse: Parser<infer T> }
      ? T | undefined
      : never
}

export type Environment = Readonly<Record<string, string | undefined>>

/** `tlsPort` → `--tls-port` */
export function flagOf(key: string): string {
  return `--${kebab(key)}`
}

/** `tlsPort` → `LEVERET_TLS_PORT` */
export function variableOf(key: string): string {
  return `LEVERET_${kebab(key).replaceAll('-', '_').toUpperCase()}`
}

/** Gives the command a flag for each row. */
export function addFlags(command: Command, table: SettingTable): Command {
  for (const [key, setting] of Object.entries(table)) {
    const option = new Option(`${flagOf(key)} <${setting.value}>`, describe(key, setting))
    if (setting.repeatable)
      option.argParser((text, former?: string) => (former === undefined ? text : `${former},${text}`))
    command.addOption(option)
  }
  return command
}

/**
 * The value of each row. The command line counts before the row's own variable, that before its aliases, and those
 * before the fallback. An empty variable counts as not set, since that is what compose files make of a missing one.
 * @param flags what the command line said, by key.
 * @throws UsageError that names the flag or variable, its value and what is allowed.
 */
export function resolveSettings<Table extends SettingTable>(
  table: Table,
  flags: Readonly<Record<string, string | undefined>>,
  environment: Environment,
): SettingsOf<Table> {
  const values = Object.entries(table).map(([key, setting]) => {
    const { source, text } = find(key, setting, flags, environment)
    return [key, text === undefined ? undefined : parse(source, text, setting)]
  })
  return Object.fromEntries(values) as SettingsOf<Table>
}

function find(
  key: string,
  setting: Setting<unknown>,
  flags: Readonly<Record<string, string | undefined>>,
  environment: Environment,
): { source: string; text: string | undefined } {
  const flag = flags[key]
  if (flag !== undefined) return { source: flagOf(key), text: flag }
  for (const variable of [variableOf(key), ...(setting.aliases ?? [])]) {
    const text = environment[variable]
    if (text !== undefined && text !== '' && !isServiceLink(text)) return { source: variable, text }
  }
  return { source: flagOf(key), text: setting.fallback }
}

// Kubernetes gives every container of a namespace with a service called `leveret` a LEVERET_PORT=tcp://10.0.0.1:5672.
function isServiceLink(text: string): boolean {
  return text.startsWith('tcp://')
}

function parse(source: string, text: string, setting: Setting<unknown>): unknown {
  try {
    return setting.parse(text)
  } catch (error) {
    if (error instanceof ValueError) throw new UsageError(`${source}: ${JSON.stringify(text)} is not ${error.allowed}`)
    throw error
  }
}

function describe(key: string, { help, fallback, aliases = [] }: Setting<unknown>): string {
  const notes = [`env: ${[variableOf(key), ...aliases].join(', ')}`]
  if (fallback !== undefined) notes.unshift(`default: ${fallback}`)
  return `${help} (${notes.join('; ')})`
}

function kebab(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
}
