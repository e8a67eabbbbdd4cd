import test from 'ava'
import { RecordType } from '../../src/broker/storage/record-type.ts'
import {
  BASIC_CONSUME_OK,
  EXCHANGE_DECLARE_OK,
  encodeBasicAck,
  encodeBasicConsume,
  encodeExchangeDeclare,
  fromObject,
} from '../../src/codec/index.ts'
import { openNode, publish } from '../amqp/harness.ts'
import { RecordingJournal } from '../helpers/recording-journal.ts'

const persistent = { deliveryMode: 2 }

/** A consumer that has a message, and what the journal hears of within one turn when it acknowledges and publishes. */
function consuming(exchange: string, properties = {}): { types: () => number[]; act: () => void } {
  const journal = new RecordingJournal()
  const { client } = openNode({ journal })
  client.declareQueue(1, 'work', { durable: true })
  const args = fromObject({ 'x-delayed-type': 'direct' })
  client.send(
    encodeExchangeDeclare(1, { exchange: 'later', type: 'x-delayed-message', durable: true, arguments: args }),
  )
  client.expect(EXCHANGE_DECLARE_OK)
  client.send(publish(1, { routingKey: 'work', properties: persistent, body: 'job' }))
  client.send(encodeBasicConsume(1, { queue: 'work' }))
  client.expect(BASIC_CONSUME_OK)
  const { fields } = client.expectDelivery(1)
  journal.records = []
  const result = { properties: { ...persistent, ...properties }, body: 'result' }
  return {
    types: () => journal.records.map(({ type }) => type),
    act: () => {
      client.receive(encodeBasicAck(1, { deliveryTag: fields.deliveryTag }))
      client.receive(publish(1, { exchange, routingKey: 'work', ...result }))
    },
  }
}

// The journal may write whatever it has at any moment, not only at a turn's end: what it has first is safe first.
test('an ack is safe when something published after it is confirmed', (t) => {
  const { act, types } = consuming('')
  act()
  t.deepEqual(types(), [RecordType.SETTLED, RecordType.MESSAGE])
})

test('an ack is safe when something delayed that was published after it is confirmed', (t) => {
  const { act, types } = consuming('later', { headers: fromObject({ 'x-delay': 60_000 }) })
  act()
  t.deepEqual(types(), [RecordType.SETTLED, RecordType.MESSAGE])
})
