/** What a text could not be taken for; becomes part of `--port: "abc" is not a whole number from 0 to 65535`. */
export class ValueError extends Error {
  /** Such as `a whole number from 0 to 65535`. */
  readonly allowed: string

  constructor(allowed: string) {
    super(`not ${allowed}`)
    this.name = 'ValueError'
    this.allowed = allowed
  }
}

/** Turns the text of a flag or environment variable into a value. @throws ValueError */
export type Parser<T> = (text: string) => T

export function wholeNumber(minimum: number, maximum: number): Parser<number> {
  const allowed = `a whole number ${limits(minimum, maximum)}`
  return (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN
    return within(value, minimum, maximum, allowed)
  }
}

/** A name as AMQP carries it. */
export function name(text: string): string {
  if (text === '' || Buffer.byteLength(text) > 255) throw new ValueError('a name of 1 to 255 bytes')
  return text
}

export function notEmpty(what: string): Parser<string> {
  return (text) => {
    if (text === '') throw new ValueError(what)
    return text
  }
}

export function oneOf<const T extends string>(...values: readonly T[]): Parser<T> {
  return (text) => {
    const value = values.find((candidate) => candidate === text)
    if (value === undefined) throw new ValueError(`one of ${values.join(', ')}`)
    return value
  }
}

export function yesOrNo(text: string): boolean {
  return oneOf('yes', 'no')(text) === 'yes'
}

/** Values between commas. */
export function listOf<T>(parse: Parser<T>): Parser<readonly T[]> {
  return (text) => text.split(',').map((part) => parse(part.trim()))
}

/** A text that something else knows how to check. */
export function checked(check: {
  readonly allowed: string
  readonly holds: (text: string) => boolean
}): Parser<string> {
  return (text) => {
    if (!check.holds(text)) throw new ValueError(check.allowed)
    return text
  }
}

/** Names between commas, or `none`. */
export function namesOrNone(text: string): readonly string[] | 'none' {
  if (text === 'none') return 'none'
  const names = text.split(',').map((part) => part.trim())
  if (names.includes('')) throw new ValueError('a list of names between commas, or none')
  return names
}

const BINARY_UNITS = ['', 'ki', 'mi', 'gi', 'ti']
const SIZE = /^(\d+(?:\.\d+)?)\s*(?:([kmgt])(i?)(b?)|b)?$/i

/**
 * Bytes: a whole number, or a number with a unit. As in RabbitMQ's configuration, k, M, G (also kiB, MiB, GiB) are
 * powers of 1024, and kB, MB, GB powers of 1000.
 */
export function byteSize(minimum: number, maximum: number): Parser<number> {
  const allowed = `a size ${limits(minimum, maximum)} bytes, such as 16777216 or 16MiB`
  return (text) => within(Math.floor(bytesOf(text)), minimum, maximum, allowed)
}

/** A share of the memory from 0 to 1, or a size in bytes. */
export function shareOrSize(text: string): number {
  const allowed = 'a share of the memory from 0 to 1, such as 0.4, or a size, such as 512MiB'
  const share = /^(0?\.\d+|0|1|1\.0+|0\.\d+)$/.test(text) ? Number(text) : Number.NaN
  if (!Number.isNaN(share)) return share
  const size = Math.floor(bytesOf(text))
  if (!(size > 1)) throw new ValueError(allowed)
  return size
}

const TIME_UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }

/** Milliseconds: a whole number, or one with the unit ms, s, m or h. */
export function duration(minimum: number, maximum: number): Parser<number> {
  const allowed = `a time in ms ${limits(minimum, maximum)}, or with a unit, such as 10s or 30m`
  return (text) => {
    const match = /^(\d+)\s*(ms|s|m|h)?$/.exec(text)
    const value = match === null ? Number.NaN : Number(match[1]) * (TIME_UNITS[match[2] ?? 'ms'] as number)
    return within(value, minimum, maximum, allowed)
  }
}

function bytesOf(text: string): number {
  const match = SIZE.exec(text)
  if (match === null) return Number.NaN
  const [, number, prefix = '', binary = '', byte = ''] = match
  // Who writes a part of a byte means a share of something.
  if (prefix === '' && number?.includes('.')) return Number.NaN
  const power = BINARY_UNITS.findIndex((unit) => unit.charAt(0) === prefix.toLowerCase())
  const decimal = byte !== '' && binary === ''
  return Number(number) * (decimal ? 1000 : 1024) ** power
}

function within(value: number, minimum: number, maximum: number, allowed: string): number {
  if (!(value >= minimum && value <= maximum)) throw new ValueError(allowed)
  return value
}

function limits(minimum: number, maximum: number): string {
  return maximum === Number.MAX_SAFE_INTEGER ? `of ${minimum} or more` : `from ${minimum} to ${maximum}`
}
