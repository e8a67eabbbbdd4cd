import test from 'ava'
import { seeds } from '../amqp/seeds.ts'
import { Chaos } from './offline-chaos.ts'

const STEPS = 400

test('whatever SDKs and AMQP clients do, each publish is confirmed once and nothing is left over', (t) => {
  seeds(t, 10, (random) => {
    const chaos = new Chaos(random)
    for (let step = 0; step < STEPS; step++) chaos.step()
    chaos.end()
    const left = [...chaos.leftovers(), ...chaos.leftoversOfNobody()]
    if (left.length > 0) throw new Error(left.join('\n'))
  })
})
