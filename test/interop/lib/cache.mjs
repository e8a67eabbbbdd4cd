import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const interopDir = fileURLToPath(new URL('..', import.meta.url))
export const cacheDir = join(interopDir, '.cache')

/**
 * A folder below the cache that `fill` fills once, and again only when one of `inputs` (file paths or texts) changes.
 * @returns {Promise<string>} the folder's path
 */
export async function cached(name, inputs, fill) {
  const dir = join(cacheDir, name)
  const stamp = join(dir, '.complete')
  const hash = createHash('sha256')
  for (const input of inputs) hash.update(existsSync(input) ? readFileSync(input) : input)
  const wanted = hash.digest('hex')
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return dir
  rmSync(dir, { recursive: true, force: true })
  mkdirSync(dir, { recursive: true })
  await fill(dir)
  writeFileSync(stamp, wanted)
  return dir
}
