/** An option that cannot be: says which, what it was, and what is allowed. */
export class OptionError extends RangeError {
  /** The option's name, such as `frameMax`. */
  readonly option: string

  constructor(option: string, value: unknown, allowed: string) {
    super(`${option}: ${JSON.stringify(value)} is not ${allowed}`)
    this.name = 'OptionError'
    this.option = option
  }
}
