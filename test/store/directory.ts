import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ExecutionContext } from 'ava'

/** A directory of this machine that goes with the test. */
export function temporaryDirectory(t: ExecutionContext): string {
  const path = mkdtempSync(join(tmpdir(), 'leveret-store-'))
  t.teardown(() => rmSync(path, { recursive: true, force: true }))
  return path
}
