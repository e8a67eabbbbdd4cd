import test from 'ava'
import { Session } from './session.ts'

const STEPS = 2500

const QUEUES: readonly (readonly [name: string, args: Record<string, unknown>])[] = [
  ['a plain queue', {}],
  ['a queue with a TTL', { 'x-message-ttl': 60 }],
  ['a queue that keeps the newest', { 'x-max-length': 12 }],
  ['a queue that keeps so many bytes', { 'x-max-length-bytes': 3000 }],
  ['a queue that refuses when full', { 'x-max-length': 8, 'x-overflow': 'reject-publish' }],
  ['a queue that dead-letters what it refuses', { 'x-max-length-bytes': 5000, 'x-overflow': 'reject-publish-dlx' }],
  ['a queue with priorities', { 'x-max-priority': 5 }],
  ['a queue with priorities, a TTL and a length', { 'x-max-priority': 3, 'x-message-ttl': 100, 'x-max-length': 20 }],
  ['a queue for nothing that waits', { 'x-max-length': 0 }],
  ['a quorum queue', { 'x-queue-type': 'quorum', 'x-delivery-limit': 2 }],
  ['a quorum queue with a TTL', { 'x-queue-type': 'quorum', 'x-message-ttl': 200, 'x-max-length': 30 }],
]

const seed = Number(process.env.SEED ?? Date.now() % 1_000_000)

for (const [name, args] of QUEUES) {
  test(`${name} does what an array would`, async (t) => {
    for (let run = 0; run < 3; run++) {
      t.log(`SEED=${seed + run}`)
      await new Session(t, seed + run, args, false).run(STEPS)
    }
  })
}

for (const [name, args] of [
  ['a plain queue', {}],
  ['a queue with priorities', { 'x-max-priority': 2 }],
] as const) {
  test(`${name} with a backlog does what an array would`, async (t) => {
    t.log(`SEED=${seed}`)
    await new Session(t, seed, args, true).run(STEPS)
  })
}
