import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { DEFAULT_AMOP_SETTINGS } from '../../src/amop/index.ts'
import { certsCommand } from '../../src/cli/amop/certs.ts'
import { resolveSettings } from '../../src/cli/settings/table.ts'
import type { AMOP_SETTINGS } from '../../src/cli/start/amop-settings.ts'
import { brokerOptions } from '../../src/cli/start/broker-options.ts'
import { START_SETTINGS } from '../../src/cli/start/settings.ts'
import { silentLogger } from '../../src/index.ts'
import { DEFAULT_AMOP_OPTIONS } from '../../src/server/amop/options.ts'
import { temporaryDirectory } from '../helpers/program.ts'

type Flags = Partial<Record<keyof typeof AMOP_SETTINGS, string>>

async function amopOptions(flags: Flags) {
  return (await brokerOptions(resolveSettings(START_SETTINGS, flags, {}), silentLogger)).amop
}

async function makeCertificates(...args: string[]): Promise<void> {
  const silent = { writeOut: () => {}, writeErr: () => {} }
  await certsCommand().exitOverride().configureOutput(silent).parseAsync(args, { from: 'user' })
}

test('without a port there is no AMOP node, with one it has the defaults of AMOP', async (t) => {
  t.is(await amopOptions({}), undefined)
  const { choice, chainId, version, outputBytesMax } = DEFAULT_AMOP_SETTINGS
  t.like(await amopOptions({ amopPort: '20200,20201' }), {
    ports: [20_200, 20_201],
    plain: false,
    checkIssuer: false,
    keyType: 'secp256k1',
    choice,
    chainId,
    version,
    outputBytesMax,
  })
  for (const [name, value] of Object.entries(DEFAULT_AMOP_SETTINGS)) {
    const shown = (DEFAULT_AMOP_OPTIONS as Record<string, unknown>)[name]
    if (shown !== undefined) t.is(shown, value, name)
  }
})

test('what cannot be meant of AMOP is said by the name of its option', async (t) => {
  const directory = await temporaryDirectory(t)
  const at = (name: string): string => join(directory, name)
  await makeCertificates(at('certs'))
  const files = { amopCa: at('certs/ca.crt'), amopCert: at('certs/node.crt'), amopKey: at('certs/node.key') }
  writeFileSync(at('broken.json'), '{\n  "rules": [\n    { "subject": "sdk", "publish" }\n  ]\n}\n')
  writeFileSync(at('wrong.json'), '{ "rules": [{ "subject": "sdk", "publishes": "*" }] }')
  const port = { amopPort: '0' }
  const cases: [Flags, string | RegExp][] = [
    [{ amopPort: 'x' }, '--amop-port: "x" is not a whole number from 0 to 65535'],
    [{ amopPort: '1,,2' }, '--amop-port: "1,,2" is not a whole number from 0 to 65535'],
    [{ amopCa: files.amopCa }, '--amop-ca needs --amop-port'],
    [{ amopPermissions: at('wrong.json') }, '--amop-permissions needs --amop-port'],
    [{ ...port, amopCa: files.amopCa }, '--amop-ca needs --amop-cert and --amop-key'],
    [{ ...port, ...files, amopKey: at('none') }, `--amop-key: cannot read ${at('none')}: there is no such file`],
    [{ ...port, amopPermissions: at('none') }, `--amop-permissions: cannot read ${at('none')}: there is no such file`],
    [{ ...port, amopPermissions: at('broken.json') }, /^--amop-permissions: .*broken\.json: not JSON: .*line 3/],
    [
      { ...port, amopPermissions: at('wrong.json') },
      `--amop-permissions: ${at('wrong.json')}: rules[0] has an unknown field 'publishes'`,
    ],
    [{ ...port, amopChoice: 'best' }, '--amop-choice: "best" is not one of random, round-robin, least-outstanding'],
    [
      { ...port, amopVersion: '3.0.0' },
      '--amop-version: "3.0.0" is not three numbers with dots, from 2.1.0 to below 3',
    ],
    [{ ...port, amopChainId: 'x' }, '--amop-chain-id: "x" is not a whole number'],
    [{ ...port, amopCheckIssuer: 'maybe' }, '--amop-check-issuer: "maybe" is not one of yes, no'],
    [{ ...port, amopOutputMax: '1k' }, /^--amop-output-max: "1k" is not a size of 65536 or more bytes/],
  ]
  for (const [flags, message] of cases) {
    await t.throwsAsync(() => amopOptions(flags), { name: 'UsageError', message })
  }
})

test('amop-certs replaces nothing unless it is told to', async (t) => {
  const certs = join(await temporaryDirectory(t), 'certs')
  const authority = (): string => readFileSync(join(certs, 'ca.crt'), 'utf8')
  await makeCertificates(certs)
  const before = authority()
  const message = /certs has ca\.crt, .* already; choose another directory, or replace them with --force/
  await t.throwsAsync(makeCertificates(certs), { name: 'UsageError', message })
  t.is(authority(), before)
  await makeCertificates(certs, '--force', '--rsa')
  t.not(authority(), before)
  t.false(existsSync(join(certs, 'agency.key')))
  await makeCertificates(certs, '--add-sdk', 'other')
  await t.throwsAsync(makeCertificates(certs, '--add-sdk', 'other'), { message: /other is there already/ })
})

test('amop-certs --both makes a set of each kind', async (t) => {
  const certs = await temporaryDirectory(t)
  await makeCertificates(certs, '--both')
  for (const kind of ['secp256k1', 'rsa']) t.true(existsSync(join(certs, kind, 'sdk', 'sdk.key')))
})

const onLinux = process.platform === 'linux' ? test : test.skip

onLinux('amop-certs says where no directory can be made', async (t) => {
  const why = /^cannot write \/proc\/leveret\/certs\/.*: (no directory can be made there|this user may not)$/
  await t.throwsAsync(makeCertificates('/proc/leveret/certs'), { message: why })
})

test('what amop-certs cannot mean is said', async (t) => {
  const directory = join(await temporaryDirectory(t), 'certs')
  const missing = join(directory, 'ca.crt')
  for (const [args, message] of [
    [['--days', '0'], '--days: "0" is not a whole number from 1 to 36500'],
    [['--node', 'nowhere'], '--node: "nowhere" is not a host and a port, such as 127.0.0.1:20200'],
    [['--node', 'h:70000'], '--node: "h:70000" is not a host and a port, such as 127.0.0.1:20200'],
    [
      ['--add-sdk', '../x'],
      '--add-sdk: "../x" is not a name of letters, digits, points, dashes and underscores, at most 64',
    ],
    [['--add-sdk', 'x'], `cannot read ${missing}: there is no such file`],
    [['--rsa', '--both'], "error: option '--rsa' cannot be used with option '--both'"],
  ] as const) {
    await t.throwsAsync(makeCertificates(directory, ...args), { message })
  }
  t.false(existsSync(directory))
})
