import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { cached, interopDir } from '../../lib/cache.mjs'
import { command } from '../../lib/command.mjs'
import { CannotInstall } from '../../lib/skip.mjs'

const source = join(interopDir, 'amop')
const GO_SDK = 'github.com/FISCO-BCOS/go-sdk'

/** go-sdk's own example programs, by what they are called here. */
const EXAMPLES = {
  subscriber: 'amop/sub',
  'unicast-publisher': 'amop/unicast_pub',
  'broadcast-publisher': 'amop/broadcast_pub',
  'private-subscriber': 'amop_auth/sub',
  'private-publisher': 'amop_auth/unicast_pub',
}

/** A kind of SDK: how a program over it is called, with the arguments that `lib/sdk.mjs` adds. */
function goSdk(dir) {
  const version = /go-sdk (v\S+)/.exec(readFileSync(join(source, 'go/go.mod'), 'utf8'))[1]
  const examples = Object.fromEntries(Object.keys(EXAMPLES).map((name) => [name, join(dir, name)]))
  return { kind: 'go', version: `go-sdk ${version}`, line: [join(dir, 'agent')], examples }
}

async function installGo() {
  const inputs = ['go.mod', 'go.sum', 'main.go'].map((file) => join(source, 'go', file))
  const dir = await cached('amop-go', inputs, async (target) => {
    const programs = { agent: '.' }
    for (const [name, path] of Object.entries(EXAMPLES)) programs[name] = `${GO_SDK}/examples/${path}`
    for (const [name, path] of Object.entries(programs)) {
      const args = ['build', '-o', join(target, name), path]
      const build = await command('go', args, { cwd: join(source, 'go'), limitSeconds: 400 })
      if (build.code === 127) throw new CannotInstall('no Go toolchain here')
      if (build.code !== 0) throw new CannotInstall(`go build failed: ${build.output}`)
    }
  })
  return goSdk(dir)
}

async function installJava({ kind, name, main, flags }) {
  const pom = join(source, 'java', `${name}.xml`)
  const sources = ['Agent', main].map((file) => join(source, 'java/src', `${file}.java`))
  const dir = await cached(`amop-${kind}`, [pom, ...sources], async (target) => {
    const goals = ['dependency:build-classpath', `-Dmdep.outputFile=${join(target, 'classpath.txt')}`]
    const maven = await command('mvn', ['-q', '-B', '-f', pom, ...goals], { cwd: target, limitSeconds: 600 })
    if (maven.code === 127) throw new CannotInstall('no Maven here')
    if (maven.code !== 0)
      throw new CannotInstall(`mvn failed: ${maven.output.split('\n').find((line) => /ERROR/.test(line))}`)
    const classpath = readFileSync(join(target, 'classpath.txt'), 'utf8').trim()
    const compile = await command('javac', ['-proc:none', '-d', target, '-cp', classpath, ...sources])
    if (compile.code !== 0) throw new CannotInstall(`javac failed: ${compile.output}`)
  })
  const classpath = readFileSync(join(dir, 'classpath.txt'), 'utf8').trim()
  const version = new RegExp(`${name}-([\\d.]+)\\.jar`).exec(classpath)?.[1]
  const line = (more) => ['java', '-Xmx1g', '-XX:+UseSerialGC', ...more, '-cp', `${dir}:${classpath}`, main]
  const sdk = { kind, version: `${name} ${version}`, line: line(flags) }
  // As a program that knows nothing of secp256k1.
  return { ...sdk, jdkOnly: { ...sdk, line: line([]), env: { JDK_ONLY: '1' } } }
}

function ownClient() {
  return { kind: 'ts', version: 'AmopClient', line: [process.execPath, join(source, 'client.mjs')] }
}

const INSTALLERS = {
  ts: async () => ownClient(),
  go: installGo,
  java: () =>
    installJava({
      kind: 'java',
      name: 'java-sdk',
      main: 'JavaSdk',
      // Otherwise it takes the JDK's TLS, which has no secp256k1 from JDK 16 on.
      flags: ['-Dfisco.netty.enable.openssl.provider=true'],
    }),
  web3: () => installJava({ kind: 'web3', name: 'web3sdk', main: 'Web3Sdk', flags: [] }),
}

/** What could be installed, once for all suites of a run. */
const installed = new Map()

/**
 * The SDKs of these kinds that this machine can build.
 * @returns {Promise<{sdks: object, missing: string[]}>} by kind; and why the others are not there.
 * @throws CannotInstall when none can be had.
 */
export async function installSdks(kinds) {
  const sdks = {}
  const missing = []
  for (const kind of kinds) {
    if (!installed.has(kind))
      installed.set(
        kind,
        INSTALLERS[kind]().catch((error) => error),
      )
    const outcome = await installed.get(kind)
    if (outcome instanceof CannotInstall) missing.push(`${kind}: ${outcome.message}`)
    else if (outcome instanceof Error) throw outcome
    else sdks[kind] = outcome
  }
  if (Object.keys(sdks).length === 0) throw new CannotInstall(missing.join('; '))
  return { sdks, missing }
}
