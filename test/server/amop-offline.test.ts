import test, { type ExecutionContext } from 'ava'
import { AmopClient } from '../../src/amop-client.ts'
import type { Broker } from '../../src/index.ts'
import { startBroker } from '../helpers/broker.ts'
import { temporaryDirectory } from '../helpers/program.ts'
import { until } from '../helpers/until.ts'

const NEWS = { arguments: { 'x-amop-deliver': 'news' } }

/** An SDK, connected as a newcomer connects one: with the files that the broker has made. */
async function connect(t: ExecutionContext, broker: Broker): Promise<AmopClient> {
  const { ca, sdkCert, sdkKey } = broker.amopCertificates as NonNullable<Broker['amopCertificates']>
  const nodes = broker.amopPorts.map((port) => `127.0.0.1:${port}`)
  const client = await AmopClient.connect({ nodes, ca, cert: sdkCert, key: sdkKey })
  t.teardown(() => client.close())
  return client
}

async function publishNumbers(broker: Broker, from: number, to: number): Promise<void> {
  for (let number = from; number <= to; number++) {
    await broker.publish({ routingKey: 'q', body: String(number), properties: { deliveryMode: 2 } })
  }
}

test('a durable queue holds over a restart what an SDK that is away gets when it comes', async (t) => {
  const dataDir = await temporaryDirectory(t)
  const first = await startBroker(t, { dataDir, amop: {} })
  first.declareQueue('q', NEWS)
  await publishNumbers(first, 1, 20)
  await first.stop()
  // A start without AMOP loses nothing.
  const without = await startBroker(t, { dataDir })
  t.is(without.queue('q').messageCount, 20)
  await without.stop()
  const broker = await startBroker(t, { dataDir, amop: {} })
  await publishNumbers(broker, 21, 25)
  t.is(broker.queue('q').messageCount, 25)
  const sdk = await connect(t, broker)
  const texts: string[] = []
  await sdk.subscribe('news', ({ data }) => {
    texts.push(String(data))
  })
  await broker.queue('q').waitForEmpty()
  t.deepEqual(
    texts,
    Array.from({ length: 25 }, (_, index) => String(index + 1)),
  )
  await broker.publish({ routingKey: 'q', body: 'live' })
  await until('the live one', () => texts.at(-1) === 'live')
  t.is(broker.queue('q').consumerCount, 0)
})

test('a message that a handler fails with stays in the queue, and comes again', async (t) => {
  const broker = await startBroker(t, { amop: { plain: true } })
  broker.declareQueue('q', NEWS)
  const nodes = [`127.0.0.1:${broker.amopPorts[0]}`]
  const sdk = await AmopClient.connect({ nodes, plain: true })
  t.teardown(() => sdk.close())
  sdk.on('warning', () => {})
  const seen: string[] = []
  await sdk.subscribe('news', ({ data }) => {
    seen.push(String(data))
    if (seen.length === 1) throw new Error('not now')
  })
  await broker.publish({ routingKey: 'q', body: 'x' })
  await broker.queue('q').waitForEmpty()
  t.deepEqual(seen, ['x', 'x'])
})
