import 'reflect-metadata'
import { Controller, Module } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import { ClientProxyFactory, Ctx, EventPattern, MessagePattern, Payload, Transport } from '@nestjs/microservices'
import { firstValueFrom, from, timeout, toArray } from 'rxjs'
import { check, program, same, unique, until, url } from './check.mjs'

const queue = unique('nest')
const events = []

// With noAck: false the handlers acknowledge, as Nest's documentation asks.
const acknowledge = (context) => context.getChannelRef().ack(context.getMessage())

class Desk {
  add(numbers, context) {
    acknowledge(context)
    return numbers.reduce((sum, n) => sum + n, 0)
  }
  count(upTo, context) {
    acknowledge(context)
    return from(Array.from({ length: upTo }, (_, n) => n))
  }
  fail(_data, context) {
    acknowledge(context)
    throw new Error('not today')
  }
  happened(data, context) {
    events.push({ data, pattern: context.getPattern(), headers: context.getMessage().properties.headers })
    acknowledge(context)
  }
}

// What `@MessagePattern('add')` above a method compiles to; plain JavaScript has no decorators yet.
function handle(method, decorator, ...parameters) {
  const descriptor = Object.getOwnPropertyDescriptor(Desk.prototype, method)
  for (const [index, parameter] of parameters.entries()) parameter(Desk.prototype, method, index)
  decorator(Desk.prototype, method, descriptor)
}
handle('add', MessagePattern('add'), Payload(), Ctx())
handle('count', MessagePattern('count'), Payload(), Ctx())
handle('fail', MessagePattern('fail'), Payload(), Ctx())
handle('happened', EventPattern('happened'), Payload(), Ctx())

Controller()(Desk)

class App {}
Module({ controllers: [Desk] })(App)

const options = { urls: [url], queue, queueOptions: { durable: false, autoDelete: true } }
const service = await NestFactory.createMicroservice(App, {
  transport: Transport.RMQ,
  options: { ...options, noAck: false, prefetchCount: 10 },
  logger: ['error'],
})
await service.listen()
const client = ClientProxyFactory.create({ transport: Transport.RMQ, options })
const ask = (pattern, data) => firstValueFrom(client.send(pattern, data).pipe(timeout(10_000)))

await program('@nestjs/microservices', {
  async 'requests and responses'() {
    await client.connect()
    same(await ask('add', [1, 2, 3]), 6)
    const many = await Promise.all(Array.from({ length: 100 }, (_, n) => ask('add', [n, n])))
    same(
      many,
      Array.from({ length: 100 }, (_, n) => n * 2),
    )
  },

  async 'a stream as response'() {
    const values = await firstValueFrom(client.send('count', 20).pipe(timeout(10_000), toArray()))
    same(
      values,
      Array.from({ length: 20 }, (_, n) => n),
    )
  },

  async 'errors cross the wire'() {
    const error = await ask('fail', 1).catch((reason) => reason)
    same(error.message, 'Internal server error')
  },

  async 'events are acknowledged by their handler'() {
    for (let n = 0; n < 10; n += 1) await firstValueFrom(client.emit('happened', { n }))
    await until('10 events', () => events.length === 10)
    same(
      events.map((event) => event.data.n),
      Array.from({ length: 10 }, (_, n) => n),
    )
    same(events[0].pattern, 'happened')
  },

  async close() {
    await client.close()
    await service.close()
    check(true)
  },
})
