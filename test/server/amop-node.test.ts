import { once } from 'node:events'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect as connectPlain } from 'node:net'
import { join } from 'node:path'
import amqplib from 'amqplib'
import test from 'ava'
import { type Packet, PacketType, ResultCode } from '../../src/amop/index.ts'
import { type AmopPermissions, Broker, type BrokerAmopOptions, type BrokerOptions } from '../../src/index.ts'
import { certificateSet, listenerFiles, sdkFiles } from '../helpers/amop-certificates.ts'
import { startBroker } from '../helpers/broker.ts'
import { temporaryDirectory } from '../helpers/program.ts'
import { RecordingLogger } from '../helpers/recording-logger.ts'
import { connectSdk, dialTls, pairOfSdks, sdkOptions } from '../helpers/sdk.ts'
import { until } from '../helpers/until.ts'

const MIB = 1024 * 1024

for (const keyType of ['secp256k1', 'rsa'] as const) {
  test(`SDKs with ${keyType} certificates of the broker's own set reach each other over any of its ports`, async (t) => {
    const broker = await startBroker(t, { amop: { ports: [0, 0], keyType } })
    t.is(new Set(broker.amopPorts).size, 2)
    const publisher = await connectSdk(t, broker)
    const [, second] = broker.amopPorts
    const subscriber = await connectSdk(t, { amopPorts: [second as number], amopCertificates: broker.amopCertificates })
    await subscriber.handshake('subscriber')
    await subscriber.subscribe('orders')
    t.like(
      broker.amopSessions.find(({ clientType }) => clientType === 'subscriber'),
      {
        subject: 'CN=sdk,O=fisco-bcos,OU=sdk',
        topics: ['orders'],
      },
    )
    const seq = publisher.unicast('orders', 'hello')
    const isUnicast = ({ type }: Packet): boolean => type === PacketType.UNICAST
    await until('the message', () => subscriber.received.some(isUnicast))
    const request = subscriber.received.find(isUnicast) as Packet
    // Both could be one program, which would take its own seq for the answer: it gets another.
    t.not(request.seq, seq)
    subscriber.send(PacketType.RESPONSE, request.body, request.seq)
    t.is((await publisher.answer(seq)).result, ResultCode.SUCCESS)
  })
}

test('a broker without the option has no AMOP ports, and says so when it is asked for more', async (t) => {
  const broker = await startBroker(t)
  t.deepEqual(broker.amopPorts, [])
  t.is(broker.amopCertificates, undefined)
  t.deepEqual(broker.amopSessions, [])
  t.throws(() => broker.setAmopPermissions(undefined), { message: /without the option `amop`/ })
})

test('plain TCP needs no certificates', async (t) => {
  const log = new RecordingLogger()
  const broker = await startBroker(t, { log, amop: { plain: true } })
  t.is(broker.amopCertificates, undefined)
  const [publisher, subscriber] = await pairOfSdks(t, broker)
  await subscriber.answer(publisher.multicast('topic', 'hello'))
  t.is(broker.amopSessions[0]?.subject, undefined)
  t.is(log.find('plain TCP')?.level, 'warn')
})

test('certificates that are given are used, and nothing is made', async (t) => {
  const set = await certificateSet()
  const dataDir = await temporaryDirectory(t)
  const broker = await startBroker(t, { dataDir, amop: listenerFiles(set) })
  t.is(broker.amopCertificates, undefined)
  t.false(existsSync(join(dataDir, 'amop')))
  const sdk = await connectSdk(t, { amopPorts: broker.amopPorts, amopCertificates: sdkFiles(set, set.sdk) })
  await sdk.handshake()
  t.is(broker.amopSessions.length, 1)
})

test('certificates made at the first start stay for the next', async (t) => {
  const dataDir = await temporaryDirectory(t)
  const log = new RecordingLogger()
  const first = await Broker.start({ dataDir, log, amop: {} })
  const { amopCertificates, amopPorts } = first
  t.regex(log.find('certificates were made')?.message ?? '', /files in .*amop[/\\]sdk$/)
  const configuration = readFileSync(join(dataDir, 'amop/sdk/java-sdk/config.toml'), 'utf8')
  t.true(configuration.includes(`"127.0.0.1:${amopPorts[0]}"`))
  await first.stop()
  const second = await startBroker(t, { dataDir, amop: {} })
  t.deepEqual(second.amopCertificates, amopCertificates)
  const sdk = await connectSdk(t, { amopPorts: second.amopPorts, amopCertificates })
  await sdk.handshake()
})

test('asking for another kind of certificates replaces none, and is answered with a warning', async (t) => {
  const dataDir = await temporaryDirectory(t)
  const first = await Broker.start({ dataDir, amop: {} })
  const { amopCertificates } = first
  await first.stop()
  const log = new RecordingLogger()
  const second = await startBroker(t, { dataDir, log, amop: { keyType: 'rsa' } })
  t.deepEqual(second.amopCertificates, amopCertificates)
  t.regex(log.find('are not RSA, and stay')?.message ?? '', /leveret amop-certs --rsa --force/)
})

test('a directory that has only some of the files is not filled up with others that do not fit', async (t) => {
  const dataDir = await temporaryDirectory(t)
  await (await Broker.start({ dataDir, amop: {} })).stop()
  rmSync(join(dataDir, 'amop/node.crt'))
  await t.throwsAsync(Broker.start({ dataDir, amop: {} }), { message: /has ca.crt and node.key but not node.crt/ })
  // Nothing is left of the attempt.
  await (await Broker.start({ dataDir })).stop()
})

test('a directory that cannot be written is said, and the broker does not stay half started', async (t) => {
  const dataDir = await temporaryDirectory(t)
  writeFileSync(join(dataDir, 'file'), '')
  await t.throwsAsync(Broker.start({ amop: { certificatesDir: join(dataDir, 'file', 'certificates') } }), {
    message: /^cannot write .*file.certificates.*: something on its path is not a directory$/,
  })
})

test('a port in use is said', async (t) => {
  const broker = await startBroker(t, { amop: {} })
  const [port] = broker.amopPorts
  await t.throwsAsync(Broker.start({ amop: { ports: [0, port as number] } }), {
    message: `cannot listen on 127.0.0.1:${port}: the port is in use; is another broker running?`,
  })
})

test('an option that cannot be is refused by name', async (t) => {
  const set = await certificateSet()
  const cases: [object, RegExp][] = [
    [{ ports: [] }, /^amop.ports: \[\] is not a list of one or more whole numbers from 0 to 65535$/],
    [{ ports: [70_000] }, /^amop.ports: \[70000\] is not/],
    [{ port: 1 }, /^amop.port: 1 is not an option of an AMOP node$/],
    [{ version: '3.0.0' }, /^amop.version: "3.0.0" is not three numbers with dots, from 2.1.0 to below 3$/],
    [{ version: '2.9.1-rc1' }, /^amop.version/],
    [{ version: '2.0.9' }, /^amop.version/],
    [{ chainId: 'x' }, /^amop.chainId: "x" is not a whole number$/],
    [{ choice: 'best' }, /^amop.choice: "best" is not one of random, round-robin, least-outstanding$/],
    [{ keyType: 'sm2' }, /^amop.keyType: "sm2" is not one of secp256k1, rsa$/],
    [{ checkIssuer: 'yes' }, /^amop.checkIssuer: "yes" is not true or false$/],
    [{ sessionTimeoutMs: 0 }, /^amop.sessionTimeoutMs: 0 is not a whole number from 1 to 3600000$/],
    [{ outputBytesMax: 1 }, /^amop.outputBytesMax: 1 is not a whole number 65536 or more$/],
    [{ permissions: 'file.json' }, /^amop.permissions: "file.json" is not an object as in the file of permissions$/],
    [{ permissions: {} }, /^amop.permissions: \{\} is not right: rules must be there and a list/],
    [{ ca: set.ca.cert }, /^amop.cert: undefined is not given, and ca, cert and key need each other$/],
  ]
  for (const [amop, message] of cases) {
    await t.throwsAsync(Broker.start({ amop: amop as BrokerAmopOptions }), { message, name: 'OptionError' })
  }
})

test('stopping ends the sessions and closes the ports', async (t) => {
  const log = new RecordingLogger()
  const broker = await startBroker(t, { log, amop: {} })
  const [publisher, subscriber] = await pairOfSdks(t, broker)
  await broker.stop()
  await publisher.end()
  await subscriber.end()
  t.deepEqual(broker.amopSessions, [])
  const late = connectPlain(broker.amopPorts[0] as number, '127.0.0.1')
  const [error] = await once(late, 'error')
  t.is((error as NodeJS.ErrnoException).code, 'ECONNREFUSED')
  // An orderly stop is nobody's fault.
  t.deepEqual(
    log.lines.filter(({ level }) => level === 'warn' || level === 'error'),
    [],
  )
})

for (const method of ['closeConnections', 'reset'] as const) {
  test(`${method} ends the sessions of SDKs, too, and they may come back at once`, async (t) => {
    const broker = await startBroker(t, { amop: {} })
    const connection = await amqplib.connect(broker.url)
    connection.on('error', () => {})
    const [publisher, subscriber] = await pairOfSdks(t, broker)
    await broker[method]()
    await publisher.end()
    await subscriber.end()
    const [again, listening] = await pairOfSdks(t, broker)
    await listening.answer(again.multicast('topic', 'hello'))
    t.is(broker.amopSessions.length, 2)
  })
}

test('new permissions hold at once for those who are connected', async (t) => {
  const broker = await startBroker(t, { amop: {} })
  const [publisher, subscriber] = await pairOfSdks(t, broker)
  await subscriber.answer(publisher.multicast('topic', 'allowed'))
  const nobody = { publish: [], subscribe: [] }
  broker.setAmopPermissions({ rules: [], others: nobody })
  const refused = await publisher.answer(publisher.unicast('topic', 'refused'))
  t.is(refused.result, ResultCode.NO_LISTENER)
  broker.setAmopPermissions({
    rules: [{ who: { subject: ['sdk'] }, publish: ['*'], subscribe: ['*'] }],
    others: nobody,
  })
  await subscriber.answer(publisher.multicast('topic', 'allowed again'))
})

test('a program gives permissions as the file has them, as an option and later', async (t) => {
  const broker = await startBroker(t, { amop: { permissions: { rules: [{ subject: 'sdk', publish: '*' }] } } })
  const [publisher, subscriber] = await pairOfSdks(t, broker)
  const refused = await publisher.answer(publisher.unicast('topic', 'nobody may listen'))
  t.is(refused.result, ResultCode.NO_LISTENER)
  const rules = [{ subject: ['sdk'], publish: 'topic', subscribe: ['top*'] }]
  broker.setAmopPermissions({ rules, others: { subscribe: 'public.*' } })
  await subscriber.subscribe('topic')
  await subscriber.answer(publisher.multicast('topic', 'allowed'))
})

test('permissions that cannot be meant are refused with the place', async (t) => {
  const broker = await startBroker(t, { amop: {} })
  const wrong: [unknown, string][] = [
    [{ rules: [{ publish: '*' }] }, 'rules[0] names nobody: it needs one of subject, agency, publicKey, user'],
    [{ rules: [{ who: {} }] }, 'rules[0] names nobody: it needs one of subject, agency, publicKey, user'],
    [{ rules: [{ user: 'u', publishes: '*' }] }, "rules[0] has an unknown field 'publishes'"],
    [{ rules: [], others: { publish: 7 } }, 'others.publish must be a text or a list of texts'],
    [{ rulez: [] }, "the whole has an unknown field 'rulez'"],
  ]
  for (const [permissions, place] of wrong) {
    const text = `: ${JSON.stringify(permissions)} is not right: ${place}`
    const given = permissions as AmopPermissions
    t.throws(() => broker.setAmopPermissions(given), { name: 'OptionError', message: `permissions${text}` })
    const message = `amop.permissions${text}`
    await t.throwsAsync(startBroker(t, { amop: { permissions: given } }), { name: 'OptionError', message })
  }
})

const frames: [string, Buffer][] = [
  ['a length below that of a header', lengthOnly(41)],
  ['a length of nothing', lengthOnly(0)],
  ['a length over 100 MiB', lengthOnly(100 * MIB + 1)],
  ['a length of 4 GiB', lengthOnly(0xffff_ffff)],
]
for (const [name, bytes] of frames) {
  test(`${name} ends that connection, with a line, and no other`, async (t) => {
    const log = new RecordingLogger()
    const broker = await startBroker(t, { log, amop: {} })
    const [publisher, subscriber] = await pairOfSdks(t, broker)
    const stranger = await connectSdk(t, broker)
    stranger.socket.write(bytes)
    await stranger.end()
    t.is(log.lines.filter(({ level }) => level === 'warn').length, 1)
    t.regex(log.lines.find(({ level }) => level === 'warn')?.message ?? '', /a frame says that it has \d+ bytes/)
    await subscriber.answer(publisher.multicast('topic', 'hello'))
  })
}

// Alone, since it looks at the memory of the process.
test.serial('a frame that announces 100 MiB takes no memory before it comes', async (t) => {
  const broker = await startBroker(t, { amop: {} })
  const sdk = await connectSdk(t, broker)
  const before = process.memoryUsage().arrayBuffers
  sdk.socket.write(lengthOnly(100 * MIB))
  sdk.socket.write(Buffer.alloc(1000))
  const other = await connectSdk(t, broker)
  await other.handshake()
  t.true(process.memoryUsage().arrayBuffers - before < 10 * MIB)
  t.is(broker.amopSessions.length, 2)
})

test('whatever bytes come, the AMOP ports serve the next SDK', async (t) => {
  const broker = await startBroker(t, { amop: { plain: true, reconnectRate: 0 } })
  const seed = Number(process.env.FUZZ_SEED ?? Math.floor(Math.random() * 2 ** 31))
  t.log(`seed ${seed} (set FUZZ_SEED to repeat)`)
  let state = seed
  const random = (): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
  const visits = Array.from({ length: 100 }, async () => {
    const sdk = await connectSdk(t, broker)
    const noise = Buffer.from(Array.from({ length: 500 }, () => Math.floor(random() * 256)))
    // Half of them begin with a frame that could be one.
    if (random() < 0.5) noise.writeUInt32BE(42 + Math.floor(random() * 400))
    sdk.socket.end(noise)
    await sdk.end()
  })
  await Promise.all(visits)
  await until('all are gone', () => broker.amopSessions.length === 0)
  const [publisher, subscriber] = await pairOfSdks(t, broker)
  await subscriber.answer(publisher.multicast('topic', 'hello'))
  t.pass()
})

test('a broker whose start fails leaves no AMOP port open', async (t) => {
  const options: BrokerOptions = { amop: { ...listenerFiles(await certificateSet()), key: 'x' } }
  await t.throwsAsync(Broker.start(options), { message: /the AMOP key cannot be used/ })
})

test('an SDK of another broker is refused here', async (t) => {
  const [broker, other] = [await startBroker(t, { amop: {} }), await startBroker(t, { amop: {} })]
  const foreign = other.amopCertificates
  if (foreign === undefined) throw new Error('no certificates')
  const socket = dialTls(t, {
    ...sdkOptions(foreign),
    ca: broker.amopCertificates?.ca,
    port: broker.amopPorts[0] as number,
  })
  socket.resume()
  await new Promise((resolve) => socket.once('close', resolve))
  t.deepEqual(broker.amopSessions, [])
})

function lengthOnly(length: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(length)
  return bytes
}
