import { createRequire } from 'node:module'

const require = createRequire(import.meta.url)

/** This package's version, as its package.json has it. */
export function packageVersion(): string {
  // By the package's own name: from where it is compiled and from where it is put together the way is not the same.
  return (require('leveret/package.json') as { version: string }).version
}
