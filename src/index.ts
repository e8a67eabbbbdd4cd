export type { AmopPermissions } from './amop/index.ts'
export { type LogFields, type Logger, type LogLevel, silentLogger } from './base/index.ts'
export { AmqpError, type ErrorScope } from './broker/index.ts'
export { ListenError } from './net/index.ts'
export {
  type AmopCertificates,
  type AmopSessionView,
  type BindingOptions,
  Broker,
  type BrokerAmopOptions,
  type BrokerOptions,
  type BrokerTlsOptions,
  type ConnectionView,
  type ConsumerView,
  DataDirectoryError,
  type ExchangeOptions,
  type MessageProperties,
  MessageSnapshot,
  OptionError,
  type Publishing,
  type PublishOutcome,
  type QueueOptions,
  type QueueView,
  type StopOptions,
  type WaitOptions,
} from './server/index.ts'
