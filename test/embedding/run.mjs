#!/usr/bin/env node
/**
 * Runs the examples of embedding in this folder the way a stranger would: packs Leveret, installs the package and the
 * runner into a copy of the example, and runs its tests. A runner that cannot be installed is skipped, with the reason.
 */
import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const HERE = dirname(fileURLToPath(import.meta.url))
const ROOT = join(HERE, '../..')
const INSTALL_MS = 300_000
/** A runner that does not end by itself has been left with an open handle. */
const TEST_MS = 120_000

const workspace = mkdtempSync(join(tmpdir(), 'leveret-embedding-'))
const tally = { PASS: 0, FAIL: 0, SKIP: 0 }

function report(outcome, what, detail) {
  tally[outcome]++
  console.log(`${outcome} ${what}${detail ? `: ${detail}` : ''}`)
}

function run(command, args, cwd, timeout) {
  const { status, signal, stdout, stderr } = spawnSync(command, args, { cwd, timeout, encoding: 'utf8' })
  const output = `${stdout}${stderr}`.trim()
  return { ok: status === 0, output: signal === null ? output : `${output}\nended by ${signal} after ${timeout} ms` }
}

function pack() {
  const { ok, output } = run('npm', ['pack', '--silent', '--pack-destination', workspace], ROOT, INSTALL_MS)
  if (!ok) throw new Error(`npm pack failed:\n${output}`)
  const [name] = readdirSync(workspace).filter((file) => file.endsWith('.tgz'))
  return join(workspace, name)
}

function tryExample(name, tarball) {
  const directory = join(workspace, name)
  cpSync(join(HERE, name), directory, { recursive: true, filter: (path) => !path.includes('node_modules') })
  const { devDependencies } = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8'))
  const runner = Object.entries(devDependencies).find(([dependency]) => dependency !== 'amqplib')
  const what = `embedded in ${runner === undefined ? `node:test of ${process.version}` : runner.join(' ')}`
  const quiet = ['--no-audit', '--no-fund', '--loglevel=error']
  const runnerInstalled = run('npm', ['install', ...quiet], directory, INSTALL_MS)
  if (!runnerInstalled.ok) {
    report('SKIP', what, `the runner cannot be installed here: ${firstError(runnerInstalled.output)}`)
    return
  }
  const installed = run('npm', ['install', '--no-save', ...quiet, tarball], directory, INSTALL_MS)
  if (!installed.ok) {
    report('FAIL', what, `the packed leveret cannot be installed:\n${installed.output}`)
    return
  }
  const tests = run('npm', ['test', '--silent'], directory, TEST_MS)
  if (tests.ok) report('PASS', what)
  else report('FAIL', what, `\n${tests.output}`)
}

function firstError(output) {
  return output.split('\n').find((line) => line.includes('error')) ?? output.slice(0, 200)
}

try {
  const tarball = pack()
  for (const entry of readdirSync(HERE, { withFileTypes: true })) {
    if (entry.isDirectory()) tryExample(entry.name, tarball)
  }
} catch (error) {
  report('FAIL', 'embedding', error.message)
} finally {
  rmSync(workspace, { recursive: true, force: true })
}
console.log(`${tally.PASS} passed, ${tally.FAIL} failed, ${tally.SKIP} skipped`)
process.exitCode = tally.FAIL === 0 ? 0 : 1
