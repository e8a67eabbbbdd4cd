#!/usr/bin/env node
/**
 * Checks the image where no container engine is: follows the Dockerfile's own steps in a clean directory, with this
 * machine's Node in place of the base image, then runs the result as the image would be run: its ENV, its CMD, its
 * HEALTHCHECK, its user, a message through it, an SDK with the certificates that it has made, SIGTERM, and again on the
 * same volumes: a message that waited is still there, and the SDK gets in with the same files. Needs npm's registry, as
 * building the image does.
 */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  accessSync,
  chmodSync,
  constants,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'
import { connect as connectTls } from 'node:tls'
import { fileURLToPath } from 'node:url'
import { environmentOf, execForm, flagsAndWords, parseDockerfile } from './dockerfile.mjs'

const CONTEXT = resolve(dirname(fileURLToPath(import.meta.url)), '..')
const workspace = mkdtempSync(join(tmpdir(), 'leveret-image-'))
chmodSync(workspace, 0o755)
const isRoot = process.getuid?.() === 0
const tally = { PASS: 0, FAIL: 0, SKIP: 0 }

function report(outcome, what, detail = '') {
  tally[outcome]++
  console.log(`${outcome} image: ${what}${detail === '' ? '' : ` (${detail})`}`)
}

/** One stage of the image while it is being made: a directory stands for its root. */
class Stage {
  constructor(name) {
    this.root = join(workspace, name)
    this.workdir = '/'
    this.environment = {}
    this.exposed = []
    this.volumes = []
    mkdirSync(this.root)
  }

  path(path) {
    return join(this.root, resolve(this.workdir, path))
  }

  /** Leads the absolute paths in a text below this stage's root. */
  below(text) {
    return text.replace(/(^|[\s"'=:])(\/(?!dev\/)[^\s"':;&|]+)/g, (_, before, path) => `${before}${this.root}${path}`)
  }

  get processEnvironment() {
    const own = Object.fromEntries(Object.entries(this.environment).map(([name, value]) => [name, this.below(value)]))
    const { HOME, LANG, PATH } = process.env
    const npm = Object.entries(process.env).filter(([name]) => /^npm_config_|_proxy$|^NODE_EXTRA_CA_CERTS$/i.test(name))
    return { HOME, LANG, ...Object.fromEntries(npm), PATH: `${join(this.root, 'usr/local/bin')}:${PATH}`, ...own }
  }
}

function runStep(stage, stages, { instruction, value, line }) {
  switch (instruction) {
    case 'WORKDIR':
      stage.workdir = resolve(stage.workdir, value)
      mkdirSync(stage.path('.'), { recursive: true })
      return
    case 'COPY': {
      const { flags, words } = flagsAndWords(value)
      const to = words.pop()
      for (const from of words)
        copy(flags.from === undefined ? join(CONTEXT, from) : stages.get(flags.from).path(from), stage, to)
      return
    }
    case 'RUN':
      runCommand(stage, value, line)
      return
    case 'ENV':
      Object.assign(stage.environment, environmentOf(value))
      return
    case 'USER':
      stage.user = value.split(':').map(Number)
      return
    case 'VOLUME':
      stage.volumes.push(...value.split(/\s+/))
      return
    case 'EXPOSE':
      stage.exposed.push(...value.split(/\s+/).map(Number))
      return
    case 'STOPSIGNAL':
      stage.stopSignal = value
      return
    case 'HEALTHCHECK':
      stage.healthcheck = execForm(value.slice(value.indexOf('CMD') + 3))
      return
    case 'CMD':
      stage.command = execForm(value)
      return
    default:
      throw new Error(`line ${line}: this check does not know ${instruction}`)
  }
}

/** As COPY does: a directory's content, or a file into a directory that ends with a slash. */
function copy(from, stage, to) {
  const target =
    to.endsWith('/') && !statSync(from).isDirectory() ? join(stage.path(to), basename(from)) : stage.path(to)
  cpSync(from, target, { recursive: true, verbatimSymlinks: true })
}

function runCommand(stage, value, line) {
  const command = stage.below(isRoot ? value : value.replace(/&&\s*chown [^&]*/g, ''))
  const { status, stdout, stderr } = spawnSync('sh', ['-ec', command], {
    cwd: stage.path('.'),
    env: stage.processEnvironment,
    encoding: 'utf8',
  })
  if (status !== 0) throw new Error(`line ${line}: RUN ${value} ended with ${status}:\n${stdout}${stderr}`)
}

function build() {
  const stages = new Map()
  let last
  for (const [index, { name = String(index), base, steps }] of parseDockerfile(
    readFileSync(join(CONTEXT, 'docker/Dockerfile'), 'utf8'),
  ).entries()) {
    console.log(`stage ${name}: Node ${process.version} of this machine stands for ${base}`)
    last = new Stage(name)
    stages.set(name, last)
    for (const step of steps) {
      console.log(`  ${step.instruction} ${step.value.replaceAll(/\s+/g, ' ')}`)
      runStep(last, stages, step)
    }
  }
  return last
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address()
  server.close()
  await once(server, 'close')
  return port
}

/** The image's own user where this process may become it and that user could run Node. */
function userOf(image) {
  const [uid, gid] = image.user
  const readable = (() => {
    try {
      accessSync(process.execPath, constants.X_OK)
      return (statSync(dirname(process.execPath)).mode & 0o001) !== 0
    } catch {
      return false
    }
  })()
  return isRoot && readable ? { uid, gid } : undefined
}

async function runImage(image) {
  const port = await freePort()
  const amopPort = await freePort()
  // The one thing that is not the image's: its ports, which may be taken here.
  const env = { ...image.processEnvironment, LEVERET_PORT: String(port), LEVERET_AMOP_PORT: String(amopPort) }
  const user = userOf(image)
  if (user === undefined) report('SKIP', 'runs as its own user', 'this process may not become another')
  const options = { cwd: image.path('.'), env, ...user }
  const [healthcheck, ...words] = image.healthcheck
  await withBroker(image, options, async (broker) => {
    checkProcess(broker.pid, user)
    const health = spawnSync(healthcheck, words, { ...options, encoding: 'utf8' })
    check('answers its HEALTHCHECK', health.status === 0, (health.stdout + health.stderr).trim())
    await withChannel(port, 'takes and gives a message', async (channel) => {
      await channel.assertQueue('check', { durable: true })
      for (const text of ['first', 'second']) channel.sendToQueue('check', Buffer.from(text), { persistent: true })
      await channel.waitForConfirms()
      return textOf(await channel.get('check', { noAck: true })) === 'first'
    })
    checkCertificates(image, user)
    await checkSdk('an SDK gets in with the certificates that were made', image, amopPort)
  })
  const authority = readCertificate(image, 'ca.crt')
  const after = spawnSync(healthcheck, words, { ...options, encoding: 'utf8' })
  check('fails its HEALTHCHECK once it has ended', after.status === 1, after.stderr.trim())
  await withBroker(image, options, async () => {
    await withChannel(port, 'has the other message after a restart on its volume', async (channel) => {
      await channel.checkQueue('check')
      return textOf(await channel.get('check', { noAck: true })) === 'second'
    })
    check('has the same authority after a restart', readCertificate(image, 'ca.crt') === authority)
    await checkSdk('the SDK gets in again after a restart', image, amopPort)
  })
}

function certificatePath(image, name) {
  return join(image.path(image.environment.LEVERET_AMOP_CERTS), name)
}

function readCertificate(image, name) {
  return readFileSync(certificatePath(image, name), 'utf8')
}

/** Private keys are on the volume for certificates, and for the image's user only. */
function checkCertificates(image, user) {
  const wrong = ['ca.key', 'node.key', 'sdk/sdk.key'].filter((name) => {
    const { mode, uid } = statSync(certificatePath(image, name))
    return (mode & 0o077) !== 0 || (user !== undefined && uid !== user.uid)
  })
  check('its private keys are for its own user only', wrong.length === 0, wrong.join())
}

/** Connects as an SDK does, with the files that an SDK gets, and waits for the answer to its handshake. */
async function checkSdk(what, image, port) {
  const socket = connectTls({
    host: '127.0.0.1',
    port,
    ca: readCertificate(image, 'sdk/ca.crt'),
    cert: readCertificate(image, 'sdk/sdk.crt'),
    key: readCertificate(image, 'sdk/sdk.key'),
    ecdhCurve: 'secp256k1:prime256v1',
    checkServerIdentity: () => undefined,
  })
  // tls.connect asks for it by itself, and Node 24 and 26 crash on a secp256k1 certificate.
  socket.getPeerCertificate = () => ({})
  const body = '{"minimumSupport":1,"maximumSupport":3,"clientType":"image-check"}'
  const frame = Buffer.alloc(42 + body.length, 'a')
  frame.writeUInt32BE(frame.length)
  frame.writeUInt16BE(0x14, 4)
  frame.writeInt32BE(0, 38)
  frame.write(body, 42)
  socket.setTimeout(5000, () => socket.destroy(new Error('no answer within 5 s')))
  try {
    await once(socket, 'secureConnect')
    socket.write(frame)
    const [answer] = await once(socket, 'data')
    check(what, answer.readUInt16BE(4) === 0x14 && JSON.parse(answer.subarray(42)).protocol === 3)
  } catch (error) {
    check(what, false, error.message)
  } finally {
    socket.destroy()
  }
}

/** Starts the image's own command, and stops it with the image's own signal. */
async function withBroker(image, options, run) {
  const [command, ...args] = image.command
  const broker = spawn(command, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] })
  const exited = once(broker, 'exit')
  let output = ''
  for (const stream of [broker.stdout, broker.stderr]) stream.setEncoding('utf8').on('data', (text) => (output += text))
  try {
    await until(() => output.includes('Server startup complete') || broker.exitCode !== null, 20_000)
    check('starts with its own ENV and CMD', output.includes('Server startup complete'), output.trim())
    await run(broker)
    broker.kill(image.stopSignal)
    const killer = setTimeout(() => broker.kill('SIGKILL'), 10_000)
    const [code] = await exited
    clearTimeout(killer)
    check('ends with 0 on its STOPSIGNAL', code === 0, `${image.stopSignal}, exit code ${code}`)
  } finally {
    if (broker.exitCode === null) broker.kill('SIGKILL')
  }
}

function checkProcess(pid, user) {
  if (!existsSync(`/proc/${pid}/exe`)) {
    report('SKIP', 'the process started is Node itself', 'no /proc here')
    return
  }
  check(
    'the process started is Node itself, with no shell around it',
    /node/.test(basename(readlinkSync(`/proc/${pid}/exe`))),
  )
  if (user === undefined) return
  const [uid] = /^Uid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')).slice(1)
  check('it does not run as root', uid === String(user.uid), `uid ${uid}`)
}

/** @param run says whether what is checked holds. */
async function withChannel(port, what, run) {
  let amqplib
  try {
    amqplib = (await import('amqplib')).default
  } catch {
    report('SKIP', what, 'amqplib is not installed')
    return
  }
  const connection = await amqplib.connect(`amqp://127.0.0.1:${port}`)
  const channel = await connection.createConfirmChannel()
  channel.on('error', () => {})
  let outcome
  try {
    outcome = await run(channel)
  } catch (error) {
    check(what, false, error.message)
  }
  if (outcome !== undefined) check(what, outcome)
  await connection.close()
}

function textOf(message) {
  return message === false ? undefined : message.content.toString()
}

function checkImage(image) {
  const { environment, user, exposed, volumes } = image
  check('its user is a number and not root', user !== undefined && user[0] > 0)
  check('it exposes the ports for AMQP and AMOP and nothing that nobody listens on', exposed.join() === '5672,20200')
  check('it listens on the port for AMOP that it exposes', environment.LEVERET_AMOP_PORT === '20200')
  const { LEVERET_DATA_DIR, LEVERET_AMOP_CERTS } = environment
  check(
    'its volumes are where data and certificates go',
    volumes.join() === `${LEVERET_DATA_DIR},${LEVERET_AMOP_CERTS}`,
  )
  check('the broker listens on all addresses', environment.LEVERET_BIND === '0.0.0.0')
  const development = ['typescript', 'ava', '@biomejs/biome'].filter((name) =>
    existsSync(image.path(`node_modules/${name}`)),
  )
  check('it holds no development dependencies', development.length === 0, development.join())
}

function check(what, holds, detail = '') {
  report(holds ? 'PASS' : 'FAIL', what, detail)
}

async function until(condition, timeoutMs) {
  for (const deadline = Date.now() + timeoutMs; !condition() && Date.now() < deadline; ) {
    await new Promise((wake) => setTimeout(wake, 10))
  }
}

try {
  const image = build()
  report('PASS', 'every step of the Dockerfile ends well')
  checkImage(image)
  await runImage(image)
} catch (error) {
  report('FAIL', error.message)
} finally {
  rmSync(workspace, { recursive: true, force: true })
}
console.log(`${tally.PASS} passed, ${tally.FAIL} failed, ${tally.SKIP} skipped`)
process.exitCode = tally.FAIL === 0 ? 0 : 1
