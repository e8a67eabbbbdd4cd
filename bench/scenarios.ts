import { BACKLOGS } from './scenarios/backlog.ts'
import { FLOWS } from './scenarios/flow.ts'
import { RESTARTS } from './scenarios/restart.ts'
import type { Scenario } from './scenarios/scenario.ts'
import { SYNCS } from './scenarios/syncs.ts'

export const SCENARIOS: readonly Scenario[] = [...FLOWS, ...BACKLOGS, ...RESTARTS, ...SYNCS]

/** What runs when nothing is asked for by name. */
export const DEFAULT_LIST: string = SCENARIOS.filter(({ long }) => !long)
  .map(({ id }) => id)
  .join(',')

/** @throws Error for an unknown one. */
export function selectScenarios(list: string): Scenario[] {
  return list.split(',').map((id) => {
    const scenario = SCENARIOS.find((each) => each.id === id)
    if (scenario === undefined) {
      throw new Error(`no scenario ${id}; there are ${SCENARIOS.map((each) => each.id).join(', ')}`)
    }
    return scenario
  })
}
