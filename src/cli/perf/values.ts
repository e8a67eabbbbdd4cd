import { InvalidArgumentError } from 'commander'

/** A reader of whole numbers within bounds, for options. */
export function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (/^\d+$/.test(text) && value >= min && value <= max) return value
    throw new InvalidArgumentError(`A whole number of ${min} to ${max} is wanted.`)
  }
}

const UNITS_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, '': 1000 }

/** Reads `5`, `2.5s`, `500ms` or `1m` as milliseconds; seconds when there is no unit. */
export function duration(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|)$/.exec(text)
  const unit = match === null ? undefined : UNITS_MS[match[2] as string]
  if (match === null || unit === undefined)
    throw new InvalidArgumentError('A time such as 5, 2.5s, 500ms or 1m is wanted.')
  return Number(match[1]) * unit
}

/** Reads `1234` or `1234,1235`. */
export function processIds(text: string): number[] {
  return text.split(',').map(wholeNumber(1, 2 ** 31 - 1))
}

/** Reads `x-max-length=1000,x-overflow=reject-publish`: whole numbers, true and false are no texts. */
export function queueArguments(text: string): Record<string, unknown> {
  return Object.fromEntries(
    text.split(',').map((pair) => {
      const at = pair.indexOf('=')
      if (at < 1)
        throw new InvalidArgumentError('Arguments such as x-max-length=1000,x-overflow=reject-publish are wanted.')
      return [pair.slice(0, at), argumentValue(pair.slice(at + 1))]
    }),
  )
}

function argumentValue(text: string): unknown {
  if (text === 'true' || text === 'false') return text === 'true'
  return /^-?\d{1,15}$/.test(text) ? Number(text) : text
}
