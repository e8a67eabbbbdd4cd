import { once } from 'node:events'
import { join } from 'node:path'
import amqplib from 'amqplib'
import test, { type ExecutionContext } from 'ava'
import { Broker, type BrokerOptions } from '../../src/index.ts'
import { type FileLayer, systemFiles } from '../../src/store/index.ts'
import { temporaryDirectory } from '../helpers/program.ts'
import { RecordingLogger } from '../helpers/recording-logger.ts'
import { until } from '../helpers/until.ts'

const ignore = (): void => {}
const PERSISTENT = { deliveryMode: 2 }

/** The files of this machine, until the disk breaks: then no sync succeeds. */
class BreakingDisk {
  broken = false
  readonly files: FileLayer = {
    ...systemFiles,
    fdatasync: (descriptor, done) => {
      if (this.broken) done(Object.assign(new Error('EIO: i/o error, fdatasync'), { code: 'EIO' }))
      else systemFiles.fdatasync(descriptor, done)
    },
  }
}

async function start(t: ExecutionContext, options: BrokerOptions = {}) {
  const dataDir = join(await temporaryDirectory(t), 'data')
  const disk = new BreakingDisk()
  const log = new RecordingLogger()
  const broker = await Broker.start({ dataDir, log, ...options }, { files: disk.files })
  t.teardown(() => broker.stop().catch(ignore))
  return { dataDir, disk, log, broker }
}

test('after a failed sync clients are told, nobody gets in, the owner is told, and the process lives', async (t) => {
  let told: Error | undefined
  const { broker, disk, log, dataDir } = await start(t, {
    onFatal: (error) => {
      told = error
    },
  })
  const connection = await amqplib.connect(broker.url)
  const consuming = await amqplib.connect(broker.url)
  const closes = [connection, consuming].map((each) => once(each, 'error'))
  const consumer = await consuming.createChannel()
  // Things that want to tell the journal something when their connection goes.
  await consumer.assertQueue('gone', { durable: true, autoDelete: true })
  await consumer.assertQueue('mine', { exclusive: true })
  await consumer.assertQueue('q', { durable: true })
  await consumer.consume('gone', ignore)
  await consumer.consume('q', ignore, { noAck: false })
  const channel = await connection.createConfirmChannel()
  channel.sendToQueue('q', Buffer.from('before'), { persistent: true })
  channel.sendToQueue('gone', Buffer.from('before'), { persistent: true })
  await channel.waitForConfirms()
  await broker.publish({ routingKey: 'q', body: 'also before', properties: { ...PERSISTENT, expiration: '50' } })
  disk.broken = true
  let confirmed = false
  channel.sendToQueue('q', Buffer.from('after'), { persistent: true }, (error) => {
    confirmed = error === null
  })
  for (const [reason] of await Promise.all(closes)) {
    t.is(reason.code, 541)
    t.regex(reason.message, /INTERNAL_ERROR - the data directory cannot be synced/)
  }
  t.false(confirmed)
  t.regex(told?.message ?? '', /^cannot sync .*\.log: EIO: i\/o error, fdatasync$/)
  t.truthy(log.find('the broker closes all connections and serves nobody any more'))
  t.deepEqual(
    log.lines.filter(({ message }) => message.includes('internal error')),
    [],
  )
  await t.throwsAsync(amqplib.connect(broker.url))
  await t.throwsAsync(broker.publish({ routingKey: 'q', properties: PERSISTENT }), { message: /^cannot sync / })
  await broker.stop()
  // What was confirmed is there for the next one.
  const next = await Broker.start({ dataDir })
  t.teardown(() => next.stop())
  t.true(next.queue('q').exists)
  t.deepEqual(
    next
      .queue('q')
      .messages()
      .map(({ text }) => text)
      .filter((text) => text === 'before'),
    ['before'],
  )
})

test('timers that come after a failed sync do not end the process of an embedded broker', async (t) => {
  let told = 0
  const { broker, disk } = await start(t, {
    onFatal: () => {
      told++
    },
  })
  broker.declareQueue('expires', { arguments: { 'x-message-ttl': 100, 'x-expires': 300 } })
  broker.declareQueue('q')
  await broker.publish({ routingKey: 'expires', body: 'x', properties: PERSISTENT })
  disk.broken = true
  await t.throwsAsync(broker.publish({ routingKey: 'q', body: 'x', properties: PERSISTENT }), {
    message: /^cannot sync .*EIO: i\/o error, fdatasync$/,
  })
  await until('it is told', () => told > 0)
  await new Promise((resolve) => setTimeout(resolve, 500))
  t.is(told, 1)
  await broker.stop()
})
