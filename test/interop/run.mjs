// Puts clients and test suites that others wrote to work against one broker: Leveret as `leveret start` runs it, or the
// broker behind --url. Usage: run.mjs [--url amqp://...] [--only name,name,prefix-*] [--list]
import { parseArgs } from 'node:util'
import { startLeveret, urlBroker } from './lib/broker.mjs'
import { Droppable } from './lib/droppable.mjs'
import { oneLine, tail } from './lib/report.mjs'
import { CannotInstall } from './lib/skip.mjs'
import { suites } from './suites/index.mjs'

const { values: options } = parseArgs({
  options: { url: { type: 'string' }, only: { type: 'string' }, list: { type: 'boolean' } },
})

const LANES = 3
const totals = { passed: 0, failed: 0, skipped: 0 }

async function prepare(suite) {
  const started = Date.now()
  const prepared = await suite.install()
  const seconds = (Date.now() - started) / 1000
  if (seconds > 5) console.log(`  installed ${suite.name} in ${seconds.toFixed(1)} s`)
  return prepared
}

async function work(suite, prepared) {
  if (suite.ownBroker) return suite.run(prepared)
  // A broker of its own for each suite: a broken one fails its suite only, and no suite finds another's queues.
  const broker = options.url ? urlBroker(options.url) : await startLeveret(suite.brokerOptions)
  const droppable = await Droppable.start(broker)
  try {
    const outcome = await suite.run(prepared, { broker, droppable })
    const fault = await broker.stop()
    if (fault) return { ...outcome, failed: Math.max(1, outcome.failed), output: `${outcome.output}\n${fault}` }
    return outcome
  } finally {
    await droppable.stop()
    await broker.stop()
  }
}

/** Installs one suite and returns the work that is left to do. */
async function ready(suite) {
  try {
    const prepared = await prepare(suite)
    return () => guarded(suite, () => one(suite, prepared))
  } catch (error) {
    if (!(error instanceof CannotInstall)) throw error
    totals.skipped += 1
    console.log(`SKIP ${suite.name}: ${oneLine(error.message)}`)
    return async () => {}
  }
}

async function guarded(suite, act) {
  try {
    return await act()
  } catch (error) {
    totals.failed += 1
    console.log(`FAIL ${suite.name}\n${tail(error.stack ?? String(error), 60)}`)
    return async () => {}
  }
}

async function one(suite, prepared) {
  const started = Date.now()
  const outcome = await work(suite, prepared)
  const seconds = ((Date.now() - started) / 1000).toFixed(1)
  totals.passed += outcome.passed
  totals.failed += outcome.failed
  totals.skipped += outcome.skipped ?? 0
  const counts = `${outcome.passed} checks, ${outcome.version}, ${seconds} s`
  if (outcome.failed === 0) {
    console.log(`PASS ${suite.name} (${counts})`)
  } else {
    console.log(`FAIL ${suite.name} (${outcome.failed} failed, ${counts})`)
    console.log(tail(outcome.output, 60))
  }
}

/** `amop-*` chooses all whose names begin so. */
function isNamed(suite, name) {
  return name.endsWith('*') ? suite.name.startsWith(name.slice(0, -1)) : suite.name === name
}

function chosen() {
  const there = options.url ? suites.filter((suite) => !suite.ownBroker) : suites
  if (!options.only) return there
  const names = options.only.split(',')
  const unknown = names.filter((name) => !there.some((suite) => isNamed(suite, name)))
  if (unknown.length > 0) throw new Error(`no suite named ${unknown.join(', ')}; --list names them`)
  return there.filter((suite) => names.some((name) => isNamed(suite, name)))
}

/**
 * One suite after another; those that mostly sleep, several at a time, unless they would share the broker of --url.
 */
async function runAll(list) {
  const together = []
  for (const suite of list) {
    const work = await guarded(suite, () => ready(suite))
    if (suite.together && !options.url) together.push(work)
    else await work()
  }
  const lane = async () => {
    for (let work = together.shift(); work; work = together.shift()) await work()
  }
  await Promise.all(Array.from({ length: LANES }, lane))
}

if (options.list) {
  for (const suite of suites) console.log(`${suite.name}: ${suite.about}`)
} else {
  await runAll(chosen())
  console.log(`${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped`)
  process.exitCode = totals.failed > 0 ? 1 : 0
}
