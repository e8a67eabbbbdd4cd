import test, { type ExecutionContext } from 'ava'
import { encodeBasicGet, encodeQueueUnbind, QUEUE_UNBIND_OK } from '../../src/codec/index.ts'
import type { Broker } from '../../src/index.ts'
import { baseSeed } from '../store/random.ts'
import { makeBody } from './body.ts'
import { type Channel, Client, GET_ANSWERS } from './client.ts'
import { KillRounds } from './rounds.ts'
import { SurvivingBroker } from './surviving-broker.ts'

const ROUNDS = 6

/** Rounds over a broker that loses nothing, but for what `harm` does to it at each kill. @returns the faults found. */
async function play(t: ExecutionContext, harm?: (channel: Channel) => Promise<unknown>): Promise<string> {
  const seed = baseSeed()
  t.log(`STORE_SEED=${seed}`)
  const said: string[] = []
  const brokers: SurvivingBroker[] = []
  const newBroker = () => {
    const broker = new SurvivingBroker(async (inner) => {
      removeTransientQueues(inner)
      if (harm === undefined) return
      const client = await Client.connect(inner.port)
      await harm(await client.openChannel(true))
      await client.close()
    })
    brokers.push(broker)
    return broker
  }
  const say = (line: string) => said.push(line)
  const options = { seed, rounds: ROUNDS, bytesMax: 50_000, transientShare: 0, endsAtFault: true, newBroker, say }
  await new KillRounds(options).run()
  await Promise.all(brokers.map((broker) => broker.end()))
  t.log(...said.filter((line) => line.startsWith('round ')))
  return said.filter((line) => !line.startsWith('round ')).join('\n')
}

/** Their names count up. */
function removeTransientQueues(broker: Broker): void {
  for (let number = 1; number < 2000; number++) broker.deleteQueue(`passing.${number}`)
}

test('a broker that loses nothing passes', async (t) => {
  t.is(await play(t), '')
})

test('a message that is lost is found out', async (t) => {
  const faults = await play(t, (channel) => channel.call(get(channel, 'fan.1', true), ...GET_ANSWERS))
  t.regex(faults, /lost: message \d+ of publisher .* in fan\.1/)
})

test('a message that comes back after its ack is found out', async (t) => {
  let first: Buffer | undefined
  const faults = await play(t, async (channel) => {
    // The first that was there is there again and again.
    const { message } = await channel.call(get(channel, 'plain.0', false), ...GET_ANSWERS)
    first ??= message?.body
    if (first !== undefined) await published(channel, 'plain.0', first)
  })
  t.regex(faults, /there twice|comes back after its ack|should not be there/)
})

test('a message that nobody published is found out', async (t) => {
  const faults = await play(t, (channel) => published(channel, 'tx.1', makeBody(0xfffffff, 20)))
  t.regex(faults, /tx\.1: message 268435455 was never published to it/)
})

test('half a transaction is found out', async (t) => {
  const faults = await play(t, (channel) => channel.call(get(channel, 'tx.1', true), ...GET_ANSWERS))
  t.regex(faults, /half a transaction|lost: message \d+ of transactions/)
})

test('a body that has changed is found out', async (t) => {
  const faults = await play(t, async (channel) => {
    const { message } = await channel.call(get(channel, 'plain.1', true), ...GET_ANSWERS)
    if (message === undefined) return
    message.body[message.body.length - 1] = (message.body.at(-1) as number) ^ 1
    await published(channel, 'plain.1', message.body)
  })
  // Two kills in a row change it back, but not its properties.
  t.regex(faults, /plain\.1: the body of message \d+ is not as it was published|has other properties/)
})

test('a queue in another order is found out', async (t) => {
  const faults = await play(t, async (channel) => {
    const { message } = await channel.call(get(channel, 'tx.1', true), ...GET_ANSWERS)
    if (message !== undefined) await published(channel, 'tx.1', message.body)
  })
  t.regex(faults, /behind message \d+|not flagged redelivered/)
})

test('a binding that is lost is found out', async (t) => {
  const fields = { queue: 'fan.3', exchange: 'fan', routingKey: '' }
  const faults = await play(t, (channel) => channel.call(encodeQueueUnbind(channel.id, fields), QUEUE_UNBIND_OK))
  t.regex(faults, /lost: message \d+ of publisher .* in fan\.3/)
})

function get(channel: Channel, queue: string, noAck: boolean): Buffer {
  return encodeBasicGet(channel.id, { queue, noAck })
}

async function published(channel: Channel, queue: string, body: Buffer): Promise<void> {
  const confirmed = new Promise((resolve) => {
    channel.onConfirm = resolve
  })
  channel.publish('', queue, { deliveryMode: 2 }, body)
  await confirmed
}
