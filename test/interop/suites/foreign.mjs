// Suites that the libraries' authors wrote, taken from the packages that the registries hand out, run whole; what is left
// out, and why, is in foreign/skips.json.
import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { cached, interopDir } from '../lib/cache.mjs'
import { command } from '../lib/command.mjs'
import { CannotInstall } from '../lib/skip.mjs'
import { pythonEnvironment } from './python.mjs'
import { cargoEnv } from './rust.mjs'

const here = join(interopDir, 'foreign')
const skips = JSON.parse(readFileSync(join(here, 'skips.json'), 'utf8'))
const skipped = (suite) => Object.keys(skips[suite].skips)

/** Replaces texts in a file of a suite's copy; a text that is not there any more is an error, not a silent no-op. */
function patch(path, replacements) {
  let text = readFileSync(path, 'utf8')
  for (const [from, to] of replacements) {
    if (!text.includes(from)) throw new Error(`${path} has no ${JSON.stringify(from)} to replace`)
    text = text.replaceAll(from, to)
  }
  writeFileSync(path, text)
}

function packageVersion(file, pattern) {
  return pattern.exec(readFileSync(join(interopDir, file), 'utf8'))[1]
}

function counted(result, { passed, failed, skipped: left = 0, version }) {
  const broken = result.code !== 0 && failed === 0
  return { passed, failed: failed + (broken ? 1 : 0), skipped: left, version, output: result.output }
}

const count = (text, pattern) => [...text.matchAll(pattern)].length

// Go: the module's zip holds its integration tests.

const goVersion = packageVersion('go/go.mod', /amqp091-go (v[\d.]+)/)

async function installGo() {
  return cached('foreign-go', [goVersion], async (target) => {
    const cwd = join(interopDir, 'go')
    const found = await command('go', ['mod', 'download', '-json', `github.com/rabbitmq/amqp091-go@${goVersion}`], {
      cwd,
    })
    if (found.code === 127) throw new CannotInstall('no Go toolchain here')
    if (found.code !== 0) throw new CannotInstall(`go mod download failed: ${found.output}`)
    cpSync(JSON.parse(found.output).Dir, target, { recursive: true })
    await command('chmod', ['-R', 'u+w', target])
    // Its recovery tests drop connections through the management API; here the way to the broker drops them.
    const [utils] = (await command('grep', ['-rl', 'func DropConnection', 'internal'], { cwd: target })).output.split(
      '\n',
    )
    patch(join(target, utils), [
      ['import (', 'import (\n\t"os"'],
      ['"http://localhost:15672/', '"http://localhost:"+os.Getenv("MANAGEMENT_PORT")+"/'],
      ['"http://localhost:"+port+"/', '"http://localhost:"+os.Getenv("MANAGEMENT_PORT")+"/'],
    ])
    const build = ['test', '-c', '-tags', 'integration', '-o', 'suite.test', '.']
    const built = await command('go', build, { cwd: target, limitSeconds: 300 })
    if (built.code !== 0) throw new CannotInstall(`go test -c failed: ${built.output}`)
  })
}

async function runGo(dir, { broker, droppable }) {
  const run = (url, selection) =>
    command(join(dir, 'suite.test'), ['-test.v', '-test.timeout', '240s', ...selection], {
      cwd: dir,
      env: { AMQP_URL: url, MANAGEMENT_PORT: String(droppable.controlPort) },
      limitSeconds: 260,
    })
  const main = await run(broker.url, ['-test.skip', ['TestConnectionRecovery', ...skipped('amqp091-go')].join('|')])
  const recovery = await run(droppable.url, ['-test.run', 'TestConnectionRecovery'])
  const output = `${main.output}\n${recovery.output}`
  return counted(
    { code: main.code || recovery.code, output: goFailures(output) },
    {
      passed: count(output, /^--- PASS/gm),
      failed: count(output, /^--- FAIL/gm),
      skipped: count(output, /^--- SKIP/gm) + skipped('amqp091-go').length,
      version: `amqp091-go ${goVersion}`,
    },
  )
}

/** The part of `go test -v` that belongs to failing tests. */
function goFailures(output) {
  const blocks = output.split(/^=== RUN +/m)
  return blocks.filter((block) => /--- FAIL|panic:|^FAIL/m.test(block)).join('')
}

// Rust: the crates hold their tests folders.

function crate(name, version, prepare, features, raced = false) {
  const install = () =>
    cached(`foreign-${name}`, [version, prepare.toString()], async (target) => {
      const cwd = join(interopDir, 'rust')
      const metadata = await command('cargo', ['metadata', '--locked', '--format-version', '1'], {
        cwd,
        limitSeconds: 300,
      })
      if (metadata.code === 127) throw new CannotInstall('no Rust toolchain here')
      const at = new RegExp(`"manifest_path":"([^"]*/${name}-${version})/Cargo.toml"`).exec(metadata.output)
      if (!at) throw new CannotInstall(`cargo metadata failed: ${metadata.output.slice(-300)}`)
      cpSync(at[1], target, { recursive: true })
      await prepare(target)
      const built = await command('cargo', ['test', '--no-run', '--tests', ...features], {
        cwd: target,
        env: cargoTestEnv,
        limitSeconds: 600,
      })
      if (built.code !== 0) throw new CannotInstall(`cargo test --no-run failed: ${built.output}`)
    })
  const runOnce = async (dir, target) => {
    const left = skipped(name).flatMap((test) => ['--skip', test])
    const args = ['test', '--tests', '--no-fail-fast', ...features, '--', ...left]
    const env = {
      ...cargoTestEnv,
      AMQP_ADDR: target.broker.url,
      AMQP_PORT: String(target.broker.port),
    }
    const result = await command('cargo', args, { cwd: dir, env, limitSeconds: 240 })
    const totals = [...result.output.matchAll(/^test result: .*? (\d+) passed; (\d+) failed; (\d+) ignored/gm)]
    const sum = (group) => totals.reduce((total, match) => total + Number(match[group]), 0)
    return counted(result, {
      passed: sum(1),
      failed: sum(2),
      skipped: left.length / 2,
      version: `${name} ${version}`,
    })
  }
  // A second time where tests race the broker: one that acks while a close is coming fails when the acks are quicker.
  const run = async (dir, target) => {
    const result = await runOnce(dir, target)
    return raced && result.failed > 0 ? runOnce(dir, target) : result
  }
  return { name: `foreign-${name}`, about: `${name}'s own tests`, install, run }
}

const cargoTestEnv = { ...cargoEnv, CARGO_PROFILE_TEST_DEBUG: '0' }
const crateVersion = (name) => packageVersion('rust/Cargo.toml', new RegExp(`^${name} = .*?"=([\\d.]+)"`, 'm'))

async function prepareAmqprs(dir) {
  // The address and login of its authors' broker are written into its tests.
  const files = await command('grep', ['-rlE', '5672|bitnami', 'src', 'tests'], { cwd: dir })
  for (const file of files.output.trim().split('\n')) {
    const path = join(dir, file)
    const text = readFileSync(path, 'utf8')
    const port = 'std::env::var("AMQP_PORT").unwrap().parse().unwrap()'
    const changed = text
      .replaceAll('"localhost", 5672, "user", "bitnami"', `"127.0.0.1", ${port}, "guest", "guest"`)
      .replaceAll('open("localhost:5672")', 'open(&format!("127.0.0.1:{}", std::env::var("AMQP_PORT").unwrap()))')
      .replaceAll(/"user",(\s*)"bitnami"/g, '"guest",$1"guest"')
      .replaceAll('\\0user\\0bitnami', '\\0guest\\0guest')
    writeFileSync(path, changed)
  }
  // Needed for its TLS feature only, and long to compile.
  const manifest = readFileSync(join(dir, 'Cargo.toml'), 'utf8')
  writeFileSync(join(dir, 'Cargo.toml'), manifest.replace(/\[dev-dependencies\.rustls\][^[]*/, ''))
}

// Python: the sdists hold their tests.

const pythonVersion = (name) => packageVersion('python/requirements.txt', new RegExp(`^${name}==(.+)$`, 'm'))

/**
 * Runs the tests at `paths` of a package's sdist; `overlay` maps files of ours to their places in it. A suite that is
 * `raced` has tests that race the client against a clock and now and then lose, beside RabbitMQ too: a failed one runs
 * once more, and fails for good when it fails again.
 */
function sdist(name, pack, { suite = name, paths, options = [], overlay = {}, brokerOptions, raced, limitSeconds }) {
  const version = pythonVersion(pack)
  const install = async () => {
    const bin = await pythonEnvironment()
    const dir = await cached(`foreign-${pack}`, [version], async (target) => {
      const download = ['download', '--quiet', '--no-deps', '--no-binary', pack, '-d', target, `${pack}==${version}`]
      const pip = await command(join(bin, 'pip'), download, { limitSeconds: 200 })
      if (pip.code !== 0) throw new CannotInstall(`pip download failed: ${pip.output}`)
      const unpack = await command('sh', ['-c', 'tar xzf *.tar.gz --strip-components 1'], { cwd: target })
      if (unpack.code !== 0) throw new CannotInstall(`unpacking failed: ${unpack.output}`)
    })
    for (const [ours, place] of Object.entries(overlay)) cpSync(join(here, ours), join(dir, place))
    return { bin, dir }
  }
  const run = async ({ bin, dir }, { broker }) => {
    const left = skipped(name).map((test) => `not (${test})`)
    const selection = left.length > 0 ? ['-k', left.join(' and ')] : []
    const again = raced ? ['--reruns', '1'] : ['-p', 'no:rerunfailures']
    const fixed = ['-c', join(here, 'pytest.ini'), '--rootdir', dir, ...again, '-p', 'no:cacheprovider']
    const args = [
      ...fixed,
      '--timeout',
      '60',
      '-q',
      '--tb=short',
      '--disable-warnings',
      '-rfE',
      ...options,
      ...selection,
      ...paths,
    ]
    const result = await command(join(bin, 'pytest'), args, {
      cwd: dir,
      env: {
        AMQP_PORT: String(broker.port),
        RABBITMQ_HOST: broker.host,
        RABBITMQ_5672_TCP: String(broker.port),
        PYTHONPATH: here,
        PYTHONDONTWRITEBYTECODE: '1',
      },
      limitSeconds,
    })
    const number = (word) => Number(new RegExp(`(\\d+) ${word}`).exec(result.output.slice(-400))?.[1] ?? 0)
    return counted(result, {
      passed: number('passed'),
      failed: number('failed') + number('errors?'),
      skipped: number('skipped') + number('deselected'),
      version: `${pack} ${version}`,
    })
  }
  return { name: `foreign-${suite}`, about: `${pack}'s own tests: ${paths.join(' ')}`, brokerOptions, install, run }
}

// They publish 22 MB in one message: more than RabbitMQ 4.0 and Leveret allow unless told otherwise.
const largeMessages = ['--max-message-size', '33554432']
const aioPika = {
  overlay: { 'docker_client.py': 'tests/docker_client.py' },
  brokerOptions: largeMessages,
  raced: true,
  limitSeconds: 400,
}
const aioPikaRobust = 'tests/test_amqp_robust.py'
const aioPikaLong = ['tests/test_amqp.py', 'tests/test_rpc.py', 'tests/test_master.py', 'tests/test_pool.py']
const aioPikaTls = 'tests/test_amqps.py'
const ignoring = (files) => files.flatMap((file) => ['--ignore', file])

const foreignSuites = [
  {
    name: 'foreign-amqp091-go',
    about: "amqp091-go's own unit, integration and recovery tests",
    install: installGo,
    run: runGo,
  },
  crate(
    'lapin',
    crateVersion('lapin'),
    async () => {},
    ['--no-default-features', '--features', 'tokio,smol,default-runtime'],
    true,
  ),
  crate('amqprs', crateVersion('amqprs'), prepareAmqprs, []),
  sdist('py-amqp', 'amqp', { paths: ['t/integration'], options: ['-p', 'no:aiomisc'], limitSeconds: 120 }),
  sdist('kombu', 'kombu', {
    paths: ['t/integration/test_py_amqp.py'],
    options: ['-p', 'no:aiomisc'],
    limitSeconds: 180,
  }),
  sdist('aiormq', 'aiormq', {
    paths: ['tests'],
    options: ['-p', 'broker_fixtures', '-n', '3'],
    brokerOptions: largeMessages,
    raced: true,
    limitSeconds: 240,
  }),
  sdist('aio-pika', 'aio-pika', { ...aioPika, suite: 'aio-pika-robust', paths: [aioPikaRobust] }),
  sdist('aio-pika', 'aio-pika', { ...aioPika, suite: 'aio-pika-plain', paths: aioPikaLong }),
  sdist('aio-pika', 'aio-pika', {
    ...aioPika,
    suite: 'aio-pika-rest',
    paths: ['tests'],
    options: ignoring([aioPikaRobust, ...aioPikaLong, aioPikaTls]),
  }),
]

// Longest first, so that no lane is left with one at the end.
const longest = [
  'foreign-aio-pika-rest',
  'foreign-aio-pika-plain',
  'foreign-amqp091-go',
  'foreign-aio-pika-robust',
  'foreign-aiormq',
  'foreign-amqprs',
]
const rank = ({ name }) => (longest.indexOf(name) + longest.length + 1) % (longest.length + 1)
export const foreign = foreignSuites.map((suite) => ({ ...suite, together: true })).sort((a, b) => rank(a) - rank(b))
