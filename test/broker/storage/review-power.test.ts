import test from 'ava'
import { Random } from '../../store/random.ts'
import { StoredBroker } from './stored-broker.ts'

const NUMBERS = Array.from({ length: 300 }, (_, index) => index)

for (const sync of ['always', 'interval', 'off'] as const) {
  test(`with sync=${sync} a power cut does not take what a checkpoint had made safe`, async (t) => {
    for (let seed = 1; seed <= 16; seed++) {
      const broker = await StoredBroker.start({ sync })
      broker.queue('q')
      for (const number of NUMBERS) broker.publish('q', `${number}`.padEnd(1000, 'x'))
      await broker.settled()
      await broker.checkpoint()
      broker.consume('q', 200)
      await broker.settled()
      // The rest gets a file of its own, and what has gone is not needed any more.
      await broker.checkpoint()
      await broker.cutOff(new Random(seed))
      const found = broker.bodies('q').map((body) => Number.parseInt(body, 10))
      t.deepEqual(found.slice(-100), NUMBERS.slice(200), `seed ${seed}`)
      broker.end()
    }
  })
}

test('a start makes safe what a killed broker had written before it removes anything for that', async (t) => {
  for (let seed = 1; seed <= 16; seed++) {
    const broker = await StoredBroker.start()
    broker.queue('q')
    for (const number of NUMBERS) broker.publish('q', `${number}`.padEnd(1000, 'x'))
    await broker.settled()
    await broker.checkpoint()
    broker.consume('q', 200)
    await broker.settled()
    await broker.newCheckpointer().run()
    t.is(broker.files.length, 2)
    // That the rest has a new file is written, and not synced any more.
    const { layer } = broker
    layer.options = {
      fault: (operation, path) => {
        if (operation !== 'fdatasync' || !path.includes('.log')) return undefined
        layer.isCut = true
        return { error: new Error('killed') }
      },
    }
    while (!layer.isCut) await broker.turn()
    await broker.killed()
    await broker.settled()
    await broker.cutOff(new Random(seed))
    const found = broker.bodies('q').map((body) => Number.parseInt(body, 10))
    t.deepEqual(found, NUMBERS.slice(200), `seed ${seed}`)
    broker.end()
  }
})

test('with sync=off the journal is synced for the removal of a file, and says so when it cannot be', async (t) => {
  const fatal: Error[] = []
  const broker = await StoredBroker.start({ sync: 'off', onFatal: (error) => fatal.push(error) })
  broker.queue('q')
  for (const number of NUMBERS) broker.publish('q', `${number}`.padEnd(1000, 'x'))
  await broker.settled()
  await broker.checkpoint()
  broker.layer.options = {
    fault: (operation, path) =>
      operation === 'fdatasync' && path.includes('.log') ? { error: new Error('injected') } : undefined,
  }
  broker.queue('q').purge()
  for (let turns = 0; turns < 10; turns++) await broker.turn()
  t.is(broker.files.length, 1)
  t.deepEqual(
    fatal.map(({ name }) => name),
    ['SyncError'],
  )
  broker.end()
})
