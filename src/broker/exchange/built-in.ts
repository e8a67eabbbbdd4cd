/** Exchanges that every vhost has from the start. Source: RabbitMQ. */
export const BUILT_IN_EXCHANGES: readonly (readonly [name: string, type: string, internal: boolean])[] = [
  ['', 'direct', false],
  ['amq.direct', 'direct', false],
  ['amq.fanout', 'fanout', false],
  ['amq.topic', 'topic', false],
  ['amq.headers', 'headers', false],
  ['amq.match', 'headers', false],
  ['amq.rabbitmq.trace', 'topic', true],
]

/** Such a name is nobody else's: no exchange is declared with it, and none is deleted. */
export function isBuiltIn(name: string): boolean {
  return name.startsWith('amq.') || name === ''
}
