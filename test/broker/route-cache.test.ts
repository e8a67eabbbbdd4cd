import test from 'ava'
import type { Exchange } from '../../src/broker/index.ts'
import { Message } from '../../src/broker/message.ts'
import { Route, RouteCache } from '../../src/broker/route.ts'
import { encodeProperties } from '../../src/codec/index.ts'

test('routes of an old topology are forgotten, not only passed over: they would keep deleted queues alive', (t) => {
  const cache = new RouteCache()
  const { buffer, exchangeAt, addressLength } = Message.of('x', 'k', encodeProperties({}), Buffer.alloc(0))
  const find = (generation: number) => cache.find(buffer, exchangeAt, exchangeAt + addressLength, generation)
  t.is(find(1), undefined)
  const route = new Route({} as Exchange, [], 1, true)
  cache.add(buffer, exchangeAt, exchangeAt + addressLength, route)
  t.is(find(1), route)
  t.is(find(2), undefined)
  t.is(find(1), undefined)
})
