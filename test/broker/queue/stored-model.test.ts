import test from 'ava'
import { StoredSession } from './stored-session.ts'

const STEPS = 1200

const QUEUES: readonly (readonly [name: string, args: Record<string, unknown>, restarts: boolean])[] = [
  ['a plain queue', {}, true],
  ['a queue with priorities', { 'x-max-priority': 3 }, true],
  ['a queue that keeps the newest', { 'x-max-length': 200 }, true],
  ['a queue with expirations and a TTL', { 'x-message-ttl': 400 }, true],
  ['a quorum queue', { 'x-queue-type': 'quorum', 'x-delivery-limit': 3 }, false],
]

const seed = Number(process.env.SEED ?? Date.now() % 1_000_000)

for (const [name, args, restarts] of QUEUES) {
  test(`${name} whose slabs go to files and come back does what an array would`, async (t) => {
    for (let run = 0; run < 2; run++) {
      t.log(`SEED=${seed + run}`)
      const session = new StoredSession(t, seed + run, args, restarts)
      await session.run(STEPS)
      t.true(session.pagedOut > 50)
      if (restarts) t.true(session.restarts > 5)
    }
  })
}
