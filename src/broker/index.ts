export { type AlarmListener, type AlarmOptions, Alarms } from './alarms.ts'
export type { Consumer } from './consumer.ts'
export type { ExchangeDeclaration, QueueDeclaration } from './declaration.ts'
export type { DiskOptions } from './disk-watch.ts'
export * from './errors.ts'
export {
  type Binding,
  createExchangeTypes,
  type DelayedMessages,
  Exchange,
  type ExchangeType,
  type Router,
  type RouteTargets,
  validateExchangeArguments,
} from './exchange/index.ts'
export {
  type BrokerContext,
  type BrokerLimits,
  type DeathReason,
  type EntityHost,
  type EntityOptions,
  MemoryAccount,
} from './host.ts'
export { loadInspection } from './inspection/load.ts'
export type { StoredMessage, UnreadableFile } from './inspection/stored-messages.ts'
export { Message, MessageMark } from './message.ts'
export type { Outlet } from './outlet.ts'
export { type OutcomeWaiter, PendingOutcome } from './pending-outcome.ts'
export type { PublishResult, ResolvedPublish } from './publish-result.ts'
export { type Follower, Queue, type QueueEnd, readExpiration, type SlabHolder } from './queue/index.ts'
export type { QueueWatcher } from './queue-watcher.ts'
export { REPLY_TO, type ReplyConsumer, ReplyConsumers } from './reply-to.ts'
export { Route } from './route.ts'
export { senderSelection, withProperties } from './routing.ts'
export { type DefinitionLog, RecordType, Storage } from './storage/index.ts'
export { loadDurability } from './storage/load.ts'
export { VirtualHost } from './virtual-host.ts'
export { VirtualHosts } from './virtual-hosts.ts'
