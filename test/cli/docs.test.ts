import { readFileSync } from 'node:fs'
import test from 'ava'
import { flagOf, type Setting, variableOf } from '../../src/cli/settings/table.ts'
import { START_SETTINGS } from '../../src/cli/start/settings.ts'

// ava runs at the root of the repository.
const page = readFileSync('docs/cli.md', 'utf8')
const settings = Object.entries(START_SETTINGS) as [string, Setting<unknown>][]

test('docs/cli.md lists every option with its variables and its default', (t) => {
  for (const [key, { fallback, aliases = [] }] of settings) {
    const variables = [variableOf(key), ...aliases].map((name) => `\`${name}\``).join(', ')
    const row = `| \`${flagOf(key)}\` | ${variables} | ${fallback === undefined ? 'none' : `\`${fallback}\``} |`
    t.true(page.includes(row), `no row that begins with: ${row}`)
  }
})

test('docs/cli.md lists no option that there is not', (t) => {
  const section = page.slice(page.indexOf('## leveret start'), page.indexOf('## leveret ping'))
  const listed = [...section.matchAll(/^\| `(--[a-z-]+)`/gm)].map(([, flag]) => flag)
  t.deepEqual(
    listed,
    settings.map(([key]) => flagOf(key)),
  )
})
