import test from 'ava'
import { UsageError } from '../../src/cli/errors.ts'
import { resolveSettings, variableOf } from '../../src/cli/settings/table.ts'
import { brokerOptions } from '../../src/cli/start/broker-options.ts'
import { START_SETTINGS } from '../../src/cli/start/settings.ts'
import { silentLogger } from '../../src/index.ts'

test('every fallback is a value that its own parser takes', (t) => {
  const settings = resolveSettings(START_SETTINGS, {}, {})
  t.is(settings.port, 5672)
  t.is(settings.bind, '127.0.0.1')
  t.is(settings.dataDir, './leveret-data')
  t.is(settings.memoryHighWatermark, 0.4)
  t.is(settings.sync, 'always')
  t.deepEqual(settings.loopbackUsers, ['guest'])
  t.is(settings.tlsPort, undefined)
})

test('without any setting the broker gets the defaults of the embedding API, but for port and directory', async (t) => {
  const options = await brokerOptions(resolveSettings(START_SETTINGS, {}, {}), silentLogger)
  t.like(options, {
    maxMessageSize: 16 * 1024 * 1024,
    consumerTimeoutMs: 1_800_000,
    frameMax: 131_072,
    channelMax: 2047,
    heartbeatSeconds: 60,
    handshakeTimeoutMs: 10_000,
    announceProduct: 'RabbitMQ',
    announceVersion: '3.13.7',
    sync: 'always',
    syncIntervalMs: 100,
    messageMemory: 32 * 1024 * 1024,
    diskFreeLimit: 50_000_000,
  })
})

test('the watermark of the memory is a share or a size', (t) => {
  const watermark = (text: string): number =>
    resolveSettings(START_SETTINGS, { memoryHighWatermark: text }, {}).memoryHighWatermark
  t.deepEqual(['0.4', '.4', '1', '0', '512MiB', '1GB', '2048'].map(watermark), [
    0.4,
    0.4,
    1,
    0,
    512 * 1024 * 1024,
    1_000_000_000,
    2048,
  ])
  for (const text of ['1.5', '40%', '-1', 'much', '']) {
    t.throws(() => watermark(text), { instanceOf: UsageError, message: /^--memory-high-watermark: .* is not a share / })
  }
})

test('the flag counts before LEVERET_, that before RABBITMQ_, and that before the fallback', (t) => {
  const user = (flags: Record<string, string>, environment: Record<string, string>): string =>
    resolveSettings(START_SETTINGS, flags, environment).defaultUser
  const environment = { LEVERET_DEFAULT_USER: 'leveret', RABBITMQ_DEFAULT_USER: 'rabbit' }
  t.is(user({ defaultUser: 'flag' }, environment), 'flag')
  t.is(user({}, environment), 'leveret')
  t.is(user({}, { RABBITMQ_DEFAULT_USER: 'rabbit' }), 'rabbit')
  t.is(user({}, {}), 'guest')
})

test('every setting has an environment variable of its name', (t) => {
  const values: Record<string, string> = {
    port: '1234',
    tlsPort: '2345',
    logLevel: 'debug',
    heartbeat: '7',
    loopbackUsers: 'none',
    consumerTimeout: '5m',
    maxMessageSize: '1MiB',
    sync: 'interval',
    syncInterval: '1s',
    messageMemory: '64MiB',
    diskFreeLimit: '2GB',
  }
  const environment = Object.fromEntries(Object.entries(values).map(([key, text]) => [variableOf(key), text]))
  t.deepEqual(Object.keys(environment).slice(0, 2), ['LEVERET_PORT', 'LEVERET_TLS_PORT'])
  t.like(resolveSettings(START_SETTINGS, {}, environment), {
    port: 1234,
    tlsPort: 2345,
    logLevel: 'debug',
    heartbeat: 7,
    loopbackUsers: 'none',
    consumerTimeout: 300_000,
    maxMessageSize: 1_048_576,
    sync: 'interval',
    syncInterval: 1000,
    messageMemory: 64 * 1024 * 1024,
    diskFreeLimit: 2_000_000_000,
  })
})

test('an empty variable counts as not set', (t) => {
  t.is(resolveSettings(START_SETTINGS, {}, { LEVERET_PORT: '' }).port, 5672)
})

test('the LEVERET_PORT that Kubernetes sets for a service of that name is not taken for a port', (t) => {
  t.is(resolveSettings(START_SETTINGS, {}, { LEVERET_PORT: 'tcp://10.0.0.7:5672' }).port, 5672)
})

test('a bad value is reported under the name it was given by', (t) => {
  const allowed = '"99999" is not a whole number from 0 to 65535'
  t.throws(() => resolveSettings(START_SETTINGS, { port: '99999' }, {}), {
    instanceOf: UsageError,
    message: `--port: ${allowed}`,
  })
  t.throws(() => resolveSettings(START_SETTINGS, {}, { LEVERET_PORT: '99999' }), {
    instanceOf: UsageError,
    message: `LEVERET_PORT: ${allowed}`,
  })
  t.throws(() => resolveSettings(START_SETTINGS, {}, { RABBITMQ_DEFAULT_USER: 'x'.repeat(256) }), {
    message: /^RABBITMQ_DEFAULT_USER: .* is not a name of 1 to 255 bytes$/,
  })
})
