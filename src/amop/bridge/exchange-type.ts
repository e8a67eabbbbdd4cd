import { type ExchangeType, entity, preconditionFailed, validateExchangeArguments } from '../../broker/index.ts'
import { UserAuthority } from '../user-authority.ts'
import { readPrefix } from './arguments.ts'
import { AMOP_EXCHANGE, type Bridge } from './bridge.ts'
import { TopicBindings } from './topic-bindings.ts'

/** The exchange type `x-amop`: routing keys are topics, with what `x-amop-prefix` puts before them. */
export function amopExchangeType(bridge: Bridge): ExchangeType {
  const authority = new UserAuthority(bridge.amop)
  return {
    name: 'x-amop',
    comparedArguments: ['x-amop-prefix'],
    get authorityGeneration() {
      return authority.generation
    },
    authorize({ host, name, arguments: args }, user, action, routingKey) {
      const prefix = readPrefix(host.name, name, args)
      if (routingKey === undefined) authority.checkAll(user, action, prefix)
      else authority.check(user, action, prefix + routingKey)
    },
    builtInName: (vhost) => (bridge.hasExchangeIn(vhost) ? AMOP_EXCHANGE : undefined),
    validate(vhost, name, args) {
      validateExchangeArguments(vhost, name, args)
      // What comes back from a time when AMOP belonged to another is kept, and does not listen.
      if (vhost !== bridge.vhost && !bridge.virtualHosts.context.storage.definitions.muted) {
        throw preconditionFailed(
          `${entity('exchange', name, vhost)} cannot be of type 'x-amop': AMOP belongs to vhost '${bridge.vhost}'`,
        )
      }
      readPrefix(vhost, name, args)
    },
    create: (exchange) => new TopicBindings(bridge, exchange),
  }
}
