import test from 'ava'
import { baseSeed } from '../store/random.ts'
import { FAULT_KINDS, type FaultKind, playFaults } from './faults.ts'

const SEEDS = Number(process.env.DURABILITY_SEEDS ?? 15)

const TITLES: Readonly<Record<FaultKind, string>> = {
  refuses: 'a broker goes on when the disk takes again what it has refused',
  'takes less': 'a broker writes the rest of what the disk has taken a part of',
  full: 'a broker goes on when a full disk has room again',
  'sync fails': 'a broker ends when a sync fails, and the next one has what was confirmed',
}

for (const kind of FAULT_KINDS) {
  test(TITLES[kind], async (t) => {
    const first = baseSeed()
    t.log(`STORE_SEED=${first}`)
    const seeds = Array.from({ length: SEEDS }, (_, index) => first + index)
    // At once: each waits for the disk now and then.
    const played = await Promise.all(
      seeds.map((seed) =>
        playFaults(seed, kind).catch((error) => {
          throw new Error(`STORE_SEED=${seed}: ${(error as Error).stack}`)
        }),
      ),
    )
    const hit = played.filter(({ faults }) => faults > 0).length
    t.log(`${hit} of ${SEEDS} met the fault`)
    t.true(hit > SEEDS / 3)
  })
}
