import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'

/** Throws when the two differ. In a property, where ava's own assertions would fail the test before the seed is known. */
export function same(actual: unknown, wanted: unknown): void {
  if (isDeepStrictEqual(actual, wanted)) return
  throw new Error(`${fc.stringify(actual)} is not ${fc.stringify(wanted)}`)
}
