import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { fileURLToPath } from 'node:url'
import amqplib from 'amqplib'
import test from 'ava'
import { Broker, DataDirectoryError, ListenError, OptionError } from '../../src/index.ts'
import { startBroker } from '../helpers/broker.ts'
import { certificates } from '../helpers/certificates.ts'
import { temporaryDirectory } from '../helpers/program.ts'
import { RecordingLogger } from '../helpers/recording-logger.ts'

const ignore = (): void => {}
const DOOR = fileURLToPath(new URL('../../src/index.js', import.meta.url))

test('a broker starts on a free port, and any client connects to its url', async (t) => {
  const broker = await startBroker(t)
  t.true(broker.port > 0)
  t.is(broker.url, `amqp://guest:guest@127.0.0.1:${broker.port}`)
  const connection = await amqplib.connect(broker.url)
  const channel = await connection.createChannel()
  await channel.assertQueue('q')
  t.true(broker.queue('q').exists)
  await connection.close()
})

test('many brokers in one process know nothing of each other', async (t) => {
  const brokers = await Promise.all(Array.from({ length: 10 }, () => startBroker(t)))
  t.is(new Set(brokers.map(({ port }) => port)).size, 10)
  brokers[3]?.declareQueue('only here')
  t.deepEqual(
    brokers.map((broker) => broker.queue('only here').exists),
    brokers.map((_, index) => index === 3),
  )
})

test('user, password and virtual host of the options are those of the url', async (t) => {
  const broker = await startBroker(t, { user: 'anna@home', password: 'p/w:1', vhost: 'my shop' })
  t.is(broker.url, `amqp://anna%40home:p%2Fw%3A1@127.0.0.1:${broker.port}/my%20shop`)
  const connection = await amqplib.connect(broker.url)
  t.like(broker.connections, [{ user: 'anna@home', vhost: 'my shop', state: 'running', channelCount: 0 }])
  await connection.close()
})

test('over TLS a client connects to tlsUrl', async (t) => {
  const broker = await startBroker(t, { tls: certificates.server })
  const connection = await amqplib.connect(broker.tlsUrl, { ca: [certificates.ca] })
  await connection.createChannel()
  t.is(broker.connections.length, 1)
  await connection.close()
})

test('without TLS there is no tlsUrl', async (t) => {
  const broker = await startBroker(t)
  t.is(broker.tlsPort, undefined)
  t.throws(() => broker.tlsUrl, { message: /without the option `tls`/ })
})

test('stop tells clients why and closes the port', async (t) => {
  const broker = await startBroker(t)
  const connection = await amqplib.connect(broker.url)
  connection.on('error', ignore)
  const closed = once(connection, 'close')
  await broker.stop()
  const [reason] = await closed
  t.is(reason.code, 320)
  await t.throwsAsync(amqplib.connect(broker.url), { code: 'ECONNREFUSED' })
})

test('stop does not wait for ever for a client that does not answer', async (t) => {
  const broker = await startBroker(t)
  const socket = connect(broker.port, '127.0.0.1')
  socket.on('error', ignore)
  t.teardown(() => socket.destroy())
  socket.write('AMQP\0\0\x09\x01')
  await once(socket, 'data')
  const closed = once(socket, 'close')
  await broker.stop({ timeoutMs: 50 })
  await closed
  t.pass()
})

test('stopping twice is fine', async (t) => {
  const broker = await startBroker(t)
  await Promise.all([broker.stop(), broker.stop()])
  await broker.stop()
  t.pass()
})

test('a broker stops at the end of an await using block', async (t) => {
  let url: string
  {
    await using broker = await Broker.start()
    url = broker.url
    await (await amqplib.connect(url)).close()
  }
  await t.throwsAsync(amqplib.connect(url), { code: 'ECONNREFUSED' })
})

test('after stop nothing keeps the process alive', (t) => {
  const script = `
    import { connect } from 'node:net'
    import { Broker } from ${JSON.stringify(DOOR)}
    const broker = await Broker.start()
    const socket = connect(broker.port, '127.0.0.1').resume()
    await new Promise((resolve) => socket.on('connect', resolve))
    await broker.publish({ routingKey: broker.declareQueue('q', { arguments: { 'x-message-ttl': 600000, 'x-expires': 600000 } }).name, body: 'x' })
    await broker.reset()
    broker.declareQueue('q', { arguments: { 'x-expires': 600000 } })
    await broker.stop()
    console.log('stopped')
  `
  const { stdout, status, error } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    encoding: 'utf8',
    timeout: 20_000,
  })
  t.is(error, undefined)
  t.is(stdout, 'stopped\n')
  t.is(status, 0)
})

test('embedding does not load winston or commander', (t) => {
  const script = `
    import { createRequire } from 'node:module'
    import { Broker } from ${JSON.stringify(DOOR)}
    await (await Broker.start()).stop()
    const loaded = Object.keys(createRequire(import.meta.url).cache ?? {})
    console.log(loaded.filter((path) => path.includes('node_modules')).join())
  `
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' })
  t.is(stderr, '')
  t.is(stdout, '\n')
})

test('an option out of its range is refused and says what is allowed', async (t) => {
  const cases: [object, string][] = [
    [{ port: 70_000 }, 'port: 70000 is not a whole number from 0 to 65535'],
    [{ frameMax: 4095 }, 'frameMax: 4095 is not a whole number from 4096 to 134217728'],
    [{ heartbeatSeconds: 0.5 }, 'heartbeatSeconds: 0.5 is not a whole number from 0 to 65535'],
    [{ consumerTimeoutMs: -1 }, 'consumerTimeoutMs: -1 is not a whole number 0 or more'],
    [{ memoryHighWatermark: Number.NaN }, 'memoryHighWatermark: null is not a number 0 or more'],
    [{ user: '' }, 'user: "" is not a name of 1 to 255 bytes'],
    [{ announceProduct: '' }, 'announceProduct: "" is not a name of 1 to 255 bytes'],
    [{ announceVersion: 'x'.repeat(256) }, `announceVersion: "${'x'.repeat(256)}" is not a name of 1 to 255 bytes`],
    [{ maxMesageSize: 1 } as object, 'maxMesageSize: 1 is not an option of Broker.start'],
    [{ sync: 'never' } as object, 'sync: "never" is not one of always, interval, off'],
    [{ syncIntervalMs: 0 }, 'syncIntervalMs: 0 is not a whole number from 1 to 60000'],
    [{ messageMemory: 1000 }, 'messageMemory: 1000 is not a whole number 65536 or more'],
    [{ diskFreeLimit: -1 }, 'diskFreeLimit: -1 is not a whole number 0 or more'],
    [{ onFatal: 1 } as object, 'onFatal: 1 is not a function'],
    [{ password: '' }, 'password: "" is not a password: nobody could log in with it'],
  ]
  for (const [options, message] of cases)
    await t.throwsAsync(Broker.start(options), { instanceOf: OptionError, message })
})

test('a port in use is refused, and nothing is left open', async (t) => {
  const broker = await startBroker(t)
  const error = await t.throwsAsync(Broker.start({ port: broker.port }), { instanceOf: ListenError })
  t.is(error?.code, 'EADDRINUSE')
  // Here the first port could be opened, and must be free again.
  await t.throwsAsync(Broker.start({ tls: { ...certificates.server, port: broker.port } }), { instanceOf: ListenError })
})

test('a data directory is made, and one that cannot be is refused', async (t) => {
  const path = await temporaryDirectory(t)
  await startBroker(t, { dataDir: `${path}/a/b` })
  const error = await t.throwsAsync(Broker.start({ dataDir: '/dev/null/a' }), { instanceOf: DataDirectoryError })
  t.is(
    error?.message,
    'cannot use the data directory /dev/null/a: /dev/null is not a directory; move it away, or use another directory',
  )
  await t.throwsAsync(Broker.start({ dataDir: path.repeat(300) }), {
    message: /: its name is too long; use a shorter one$/,
  })
})

const inProc = process.platform === 'linux' ? test : test.skip

inProc('a data directory where the system makes none is refused at once', async (t) => {
  await t.throwsAsync(Broker.start({ dataDir: '/proc/leveret' }), {
    instanceOf: DataDirectoryError,
    message: 'cannot use the data directory /proc/leveret: no directory can be made there; use another',
  })
})

test('clients are told RabbitMQ’s name and Leveret’s own beside it, and the options change it', async (t) => {
  const broker = await startBroker(t)
  const connection = await amqplib.connect(broker.url)
  const { product, version, platform, leveret_version: leveret } = connection.connection.serverProperties
  t.is(product, 'RabbitMQ')
  t.is(version, '3.13.7')
  t.is(platform, `Leveret ${leveret}`)
  await connection.close()
  const other = await startBroker(t, { announceProduct: 'Leveret', announceVersion: '9.8.7' })
  const second = await amqplib.connect(other.url)
  t.like(second.connection.serverProperties, { product: 'Leveret', version: '9.8.7' })
  await second.close()
})

test('log lines go where the options say', async (t) => {
  const log = new RecordingLogger()
  const broker = await startBroker(t, { log })
  await t.throwsAsync(amqplib.connect(`amqp://guest:wrong@127.0.0.1:${broker.port}`))
  t.truthy(log.find("login of user 'guest' was refused"))
})

test('guest is refused from another host unless the options let everybody in', async (t) => {
  // Another host as far as a broker can tell: the address of an outside interface. Without one there is nothing to try.
  const { networkInterfaces } = await import('node:os')
  const outside = Object.values(networkInterfaces())
    .flatMap((list) => list ?? [])
    .find(({ internal, family }) => !internal && family === 'IPv4')
  if (outside === undefined) {
    t.pass('this machine has no outside interface')
    return
  }
  const strict = await startBroker(t, { host: '0.0.0.0' })
  await t.throwsAsync(amqplib.connect(`amqp://${outside.address}:${strict.port}`), { message: /ACCESS_REFUSED|403/ })
  const open = await startBroker(t, { host: '0.0.0.0', loopbackUsers: 'none' })
  await (await amqplib.connect(`amqp://${outside.address}:${open.port}`)).close()
})

test('a client that never finishes its handshake is dropped', async (t) => {
  const broker = await startBroker(t, { handshakeTimeoutMs: 50 })
  const socket = connect(broker.port, '127.0.0.1')
  t.teardown(() => socket.destroy())
  socket.resume()
  await once(socket, 'close')
  t.pass()
})
