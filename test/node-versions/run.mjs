// Runs the tests that `npm test` has compiled on other Node versions, which the npm package `node` brings.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const VERSIONS = ['22.23.3', '24.21.0']
const here = path.dirname(fileURLToPath(import.meta.url))
const root = path.resolve(here, '../..')
const totals = { passed: 0, failed: 0, skipped: 0 }

for (const version of VERSIONS) {
  const node = install(version)
  if (node === undefined) {
    totals.skipped++
    continue
  }
  const run = spawnSync(node, [path.join(root, 'node_modules/ava/entrypoints/cli.mjs')], {
    cwd: root,
    encoding: 'utf8',
  })
  const counts = Object.fromEntries(
    Object.keys(totals).map((kind) => [
      kind,
      Number(new RegExp(`^ *(\\d+) tests? ${kind}$`, 'm').exec(run.stdout)?.[1] ?? 0),
    ]),
  )
  for (const kind of Object.keys(totals)) totals[kind] += counts[kind]
  if (run.status !== 0) {
    if (counts.failed === 0) totals.failed++
    console.log(run.stdout.slice(-4000) + run.stderr.slice(-2000))
  }
  console.log(`${run.status === 0 ? 'PASS' : 'FAIL'} Node ${version} (${counts.passed} tests)`)
}
console.log(`${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped`)
process.exitCode = totals.failed === 0 ? 0 : 1

/** The path of that version's program, installed below this folder; undefined, with a line, when it cannot be had. */
function install(version) {
  const folder = path.join(here, '.cache', version)
  const node = path.join(folder, 'node_modules/node/bin/node')
  if (existsSync(node)) return node
  mkdirSync(folder, { recursive: true })
  const npm = spawnSync(
    'npm',
    ['install', '--no-save', '--no-audit', '--no-fund', '--prefix', folder, `node@${version}`],
    {
      encoding: 'utf8',
    },
  )
  if (npm.status === 0 && existsSync(node)) return node
  console.log(`SKIP Node ${version}: npm could not install node@${version}: ${npm.stderr.trim().split('\n').at(-1)}`)
  return undefined
}
