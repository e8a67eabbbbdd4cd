import type { Clock, Logger, Timers } from '../base/index.ts'
import { FULL_ACCESS, type Party, type TopicAccess, type TopicPermissions } from './permissions/permissions.ts'
import { PrivateTopics } from './private-topics.ts'
import { Router } from './router/router.ts'
import { Seqs } from './seqs.ts'
import type { SdkSession } from './session/session.ts'
import { type AmopSettings, DEFAULT_AMOP_SETTINGS } from './settings.ts'

export interface AmopOptions {
  readonly clock: Clock
  readonly timers: Timers
  readonly log: Logger
  /** What is left out is as in `DEFAULT_AMOP_SETTINGS`. */
  readonly settings?: Partial<AmopSettings>
  /** Default: everybody may do everything. */
  readonly permissions?: TopicPermissions
  /** Chooses among candidates: from 0 to 1, exclusive. Default `Math.random`. */
  readonly random?: () => number
}

/** All that the sessions of one AMOP node share. */
export class AmopContext {
  readonly clock: Clock
  readonly timers: Timers
  readonly log: Logger
  readonly settings: AmopSettings
  readonly router: Router
  readonly privateTopics: PrivateTopics
  readonly seqs = new Seqs()
  readonly sessions = new Set<SdkSession>()
  /** Grows with every change of the permissions, for those who keep what they have worked out of them. */
  permissionsGeneration = 0
  #permissions: TopicPermissions | undefined

  constructor({ clock, timers, log, settings, permissions, random }: AmopOptions) {
    this.clock = clock
    this.timers = timers
    this.log = log
    this.settings = { ...DEFAULT_AMOP_SETTINGS, ...settings }
    this.router = new Router({ clock, timers, log, settings: this.settings, ...(random && { random }) })
    const { verifyIntervalMs } = this.settings
    this.privateTopics = new PrivateTopics({ clock, timers, log, router: this.router, verifyIntervalMs })
    this.#permissions = permissions
  }

  accessOf(party: Party): TopicAccess {
    return this.#permissions?.accessOf(party) ?? FULL_ACCESS
  }

  /** Rules that were read anew hold at once: topics that are no longer permitted are left, others joined. */
  setPermissions(permissions: TopicPermissions | undefined): void {
    this.#permissions = permissions
    this.permissionsGeneration++
    for (const session of this.sessions) session.permissionsChanged()
  }
}
