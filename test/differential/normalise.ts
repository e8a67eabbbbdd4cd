/*
 * Everything in an answer that may differ between two runs, and nothing else, is made equal here: the names a session
 * made unique, the names a broker makes up, and the time.
 */

/** Replaces what changes from run to run; one instance a session, so that equal names stay equal. */
export class Normaliser {
  readonly #suffix: string
  readonly #made = new Map<string, string>()

  /** @param suffix what the session appended to its names to make them its own. */
  constructor(suffix: string) {
    this.#suffix = suffix
  }

  apply(text: string): string {
    return (
      text
        .replaceAll(this.#suffix, '')
        // Made-up names have a fixed form; one of another form stays as it is and shows.
        .replace(/amq\.gen-[A-Za-z0-9_-]{22}(?![A-Za-z0-9_-])/g, (name) => this.#number(name, 'amq.gen'))
        .replace(/amq\.ctag-[A-Za-z0-9_-]{22}(?![A-Za-z0-9_-])/g, (name) => this.#number(name, 'amq.ctag'))
        .replace(/amq\.rabbitmq\.reply-to\.(?!zzz)[^\s"']+/g, (name) => this.#number(name, 'amq.rabbitmq.reply-to'))
        // The time of a death.
        .replace(/\bT (\d{10})\b/g, (whole, seconds: string) => (isNow(Number(seconds)) ? 'T now' : whole))
        // What a broker says of itself in connection.start; the names and types of the properties are compared.
        .replace(
          /\b(cluster_name|copyright|information|platform|version|leveret_version):S "(?:[^"\\]|\\.)*"/g,
          '$1:S "*"',
        )
    )
  }

  #number(name: string, kind: string): string {
    let replacement = this.#made.get(name)
    if (!replacement) {
      replacement = `${kind}-[${1 + [...this.#made.values()].filter((made) => made.startsWith(`${kind}-[`)).length}]`
      this.#made.set(name, replacement)
    }
    return replacement
  }
}

function isNow(seconds: number): boolean {
  return Math.abs(seconds - Date.now() / 1000) < 600
}
