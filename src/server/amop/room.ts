import { hostname } from 'node:os'
import { AmopContext, type Bridge, loadJunction, TopicPermissions } from '../../amop/index.ts'
import type { Alarms, BrokerContext, VirtualHosts } from '../../broker/index.ts'
import type { ResolvedAmopOptions } from './options.ts'
import { readRules } from './permissions.ts'

/** What a node has of AMOP, ports excepted. */
export interface AmopRoom {
  /** What all sessions share. */
  readonly context: AmopContext
  readonly bridge: Bridge
}

/** Made before virtual hosts are added or come back, whose exchanges it knows. */
export async function openAmopRoom(
  { clock, timers, log }: BrokerContext,
  virtualHosts: VirtualHosts,
  alarms: Alarms,
  { vhost, settings, permissions }: Pick<ResolvedAmopOptions, 'vhost' | 'settings' | 'permissions'>,
): Promise<AmopRoom> {
  const { Bridge, OfflineDelivery } = await loadJunction()
  const context = new AmopContext({
    clock,
    timers,
    log,
    settings,
    ...(permissions === undefined
      ? {}
      : { permissions: new TopicPermissions(readRules('amop.permissions', permissions)) }),
  })
  new OfflineDelivery(context, virtualHosts, { vhost }).start()
  return { context, bridge: new Bridge(context, virtualHosts, { vhost, node: `leveret@${hostname()}`, alarms }) }
}

/**
 * For whoever only looks at what a data directory has: exchanges of AMOP come back, and nothing is delivered.
 * @param vhosts those that have bindings of `amq.amop`.
 */
export async function openAmopTypes(
  { clock, timers, log }: BrokerContext,
  virtualHosts: VirtualHosts,
  vhosts: readonly string[],
): Promise<void> {
  const { Bridge } = await loadJunction()
  const context = new AmopContext({ clock, timers, log, settings: {} })
  // Which virtual host AMOP belongs to stands in no directory, and it matters to messages only.
  const [vhost = ''] = vhosts
  new Bridge(context, virtualHosts, { vhost, node: '' }).keepExchangeIn(vhosts)
}
