import { isDeepStrictEqual } from 'node:util'

/** Counts what was seen to be right, and keeps what was not. */
export class Checks {
  passed = 0
  failed = 0
  skipped = 0
  lines = []

  /** Runs one case; a failure is counted and the next case goes on. */
  async case(name, act) {
    try {
      await act()
      this.passed += 1
    } catch (error) {
      this.fail(`${name}: ${error.stack ?? error}`)
    }
  }

  fail(text) {
    this.failed += 1
    this.lines.push(`FAILED ${text}`)
  }

  skip(name) {
    this.skipped += 1
    this.lines.push(`skipped ${name}`)
  }

  /** Something worth reading that is no check. */
  note(text) {
    this.lines.push(text)
    console.log(`  ${text}`)
  }
}

export function same(actual, expected, what = 'value') {
  const shown = (value) => JSON.stringify(Buffer.isBuffer(value) ? value.toString('latin1').slice(0, 300) : value)
  const equal =
    Buffer.isBuffer(actual) && Buffer.isBuffer(expected) ? actual.equals(expected) : isDeepStrictEqual(actual, expected)
  if (!equal) throw new Error(`${what} is ${shown(actual)}, expected ${shown(expected)}`)
}

export function holds(condition, what) {
  if (!condition) throw new Error(what)
}
