import { readFileSync } from 'node:fs'

/** This package's version, as its package.json has it. */
export function packageVersion(): string {
  // Seen from dist/src/server. Not an import: compiled, that would put a second package.json into dist.
  const text = readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}
