import { UsageError } from '../errors.ts'
import { type Parser, ValueError } from '../settings/parsers.ts'

/** For commander: the value, or a line that names the option and says what is allowed. */
export function valueFor<T>(option: string, parse: Parser<T>): (text: string) => T {
  return (text) => {
    try {
      return parse(text)
    } catch (error) {
      if (error instanceof ValueError)
        throw new UsageError(`${option}: ${JSON.stringify(text)} is not ${error.allowed}`)
      throw error
    }
  }
}
