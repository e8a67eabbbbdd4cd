import test from 'ava'
import {
  BASIC_PUBLISH,
  BasicPublish,
  encodeBasicPublish,
  encodeContent,
  encodeProperties,
  encodeQueueDeclare,
  FrameParser,
  FrameType,
  int,
  longstr,
  PropertyView,
  QUEUE_DECLARE,
  QueueDeclare,
  readUint32,
  Table,
} from '../../src/codec/index.ts'

test('a declare, a publish and its content are read back as they were written', (t) => {
  const args = new Table().set('x-max-length', int(10)).set('x-overflow', longstr('reject-publish'))
  const headers = new Table().set('ä', int(2 ** 40))
  const parser = new FrameParser()
  parser.push(encodeQueueDeclare(1, { queue: 'orders', durable: true, arguments: args }))
  parser.push(encodeBasicPublish(1, { routingKey: 'orders', mandatory: true }))
  parser.push(encodeContent(1, encodeProperties({ headers, deliveryMode: 2 }), Buffer.from('hello'), 4096))

  const declare = parser.next()
  const declared = new QueueDeclare()
  t.is(readUint32(declare?.payload as Buffer, 0), QUEUE_DECLARE)
  t.true(declared.decode(declare?.payload as Buffer, 4, declare?.payload.length as number))
  t.like(declared, { queue: 'orders', durable: true, passive: false, noWait: false })
  t.true(declared.arguments.equals(args))

  const publish = parser.next()
  const published = new BasicPublish()
  t.is(readUint32(publish?.payload as Buffer, 0), BASIC_PUBLISH)
  t.true(published.decode(publish?.payload as Buffer, 4, publish?.payload.length as number))
  t.like(published, { exchange: '', routingKey: 'orders', mandatory: true, immediate: false })

  const header = parser.next()?.payload as Buffer
  const view = new PropertyView().attach(header, 12, header.length - 12)
  t.true(view.valid())
  t.is(view.deliveryMode, 2)
  t.is(view.priority, -1)
  t.true(view.headers?.equals(headers))
  const body = parser.next()
  t.is(body?.type, FrameType.BODY)
  t.is(body?.payload.toString(), 'hello')
  t.is(parser.next(), undefined)
})
