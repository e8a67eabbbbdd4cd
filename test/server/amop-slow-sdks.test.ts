import test from 'ava'
import { ResultCode } from '../../src/amop/index.ts'
import { startBroker } from '../helpers/broker.ts'
import { RecordingLogger } from '../helpers/recording-logger.ts'
import { connectSdk, pairOfSdks } from '../helpers/sdk.ts'
import { until } from '../helpers/until.ts'

const MIB = 1024 * 1024

test('an SDK that does not read is bounded at its limit, dropped in time, and holds up nobody', async (t) => {
  const log = new RecordingLogger()
  const outputBytesMax = MIB
  const broker = await startBroker(t, { log, amop: { outputBytesMax, outputTimeoutMs: 300 } })
  const [publisher, sleeper] = await pairOfSdks(t, broker)
  const reader = await connectSdk(t, broker)
  await reader.subscribe('topic')
  sleeper.socket.pause()
  const body = Buffer.alloc(256 * 1024, 'x')
  // Far more than the limit and what the two sockets hold by themselves.
  for (let message = 0; message < 80; message++) await reader.answer(publisher.multicast('topic', body))
  await until('the slow one is dropped', () => broker.amopSessions.length === 2)
  const line = log.find('it has not read for 300 ms')
  t.is(line?.level, 'warn')
  const waiting = Number(/(\d+) bytes wait/.exec(line?.message ?? '')?.[1])
  t.true(waiting <= outputBytesMax + body.length, `${waiting} bytes waited`)
  await reader.answer(publisher.multicast('topic', 'afterwards'))
})

test('an SDK that asks and does not read its answers is not read either', async (t) => {
  const outputBytesMax = 2 * MIB
  const broker = await startBroker(t, { amop: { outputBytesMax, outputTimeoutMs: 60_000 } })
  const sleeper = await connectSdk(t, broker)
  sleeper.socket.pause()
  const body = Buffer.alloc(256 * 1024, 'x')
  // A multicast is answered with its own body.
  for (let message = 0; message < 160; message++) sleeper.multicast('nobody', body)
  await until('it is held back', () => sleeper.socket.writableLength > 20 * MIB)
  const seq = sleeper.multicast('nobody', 'the last')
  sleeper.socket.resume()
  t.is((await sleeper.answer(seq)).result, ResultCode.SUCCESS)
})
