export type { AmopSessionView } from './amop/amop-node.ts'
export { loadAmopCertificates } from './amop/load.ts'
export {
  AMOP_RANGES,
  AMOP_TEXTS,
  type BrokerAmopOptions,
  CHOICES,
  DEFAULT_AMOP_OPTIONS,
  KEY_TYPES,
  type KeyType,
} from './amop/options.ts'
export type { AmopCertificates } from './amop/own-certificates.ts'
export { Broker, type ConnectionView, type StopOptions } from './broker.ts'
export { DataDirectoryError, explainStoreError } from './data-directory.ts'
export type { BindingOptions, ExchangeOptions, QueueOptions } from './declaring.ts'
export type { DataReport, QueueReport, VirtualHostReport } from './inspection/data-report.ts'
export type { ExportedMessage } from './inspection/export-queue.ts'
export { loadInspector } from './inspection/load.ts'
export { type DeferredLine, DeferredLogger, type LineWriter } from './logging/deferred-logger.ts'
export { createWinstonLogger, type LogFormat, type WinstonLoggerOptions } from './logging/winston-logger.ts'
export { type MessageProperties, MessageSnapshot } from './message-snapshot.ts'
export { OptionError } from './option-error.ts'
export {
  type BrokerOptions,
  type BrokerTlsOptions,
  DEFAULT_OPTIONS,
  OPTION_RANGES,
  SYNC_MODES,
} from './options.ts'
export type { Publishing, PublishOutcome } from './publishing.ts'
export type { ConsumerView, QueueView, WaitOptions } from './queue-view.ts'
export { packageVersion } from './version.ts'
export { findPortClash, type WantedPort } from './wanted-ports.ts'
