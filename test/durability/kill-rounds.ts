// Kills the broker under load and looks at what it has after a restart, over and over:
//   node dist/test/durability/kill-rounds.js [--rounds N] [--seed S] [--bytes-max N] [--keep] [-- options of leveret start]
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { BrokerProcess } from './broker-process.ts'
import { KillRounds } from './rounds.ts'

const LITTLE = ['--message-memory', '64KiB']

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '20' },
    seed: { type: 'string', default: String(Date.now() >>> 0) },
    'bytes-max': { type: 'string', default: '1048576' },
    keep: { type: 'boolean', default: false },
  },
})
const rounds = Number(values.rounds)
const seed = Number(values.seed)
const directory = mkdtempSync(join(tmpdir(), 'leveret-kill-'))
console.log(`seed ${seed}, ${rounds} rounds, in ${directory}`)
const proof = new KillRounds({
  seed,
  rounds,
  bytesMax: Number(values['bytes-max']),
  newBroker: (number) => {
    const path = join(directory, String(number))
    // Every other one keeps little in memory, so that messages come and go by segment files.
    return new BrokerProcess(path, [...(number % 2 === 0 ? LITTLE : []), ...positionals], `${path}.log`)
  },
  say: (line) => console.log(line),
})
const { failed, passed } = await proof.run()
if (failed === 0 && !values.keep) rmSync(directory, { recursive: true, force: true })
else console.log(`the data directories are in ${directory}`)
console.log(`${passed} passed, ${failed} failed, 0 skipped`)
process.exitCode = failed === 0 ? 0 : 1
