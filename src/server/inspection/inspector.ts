export { NoSuchQueueError, QueueExport } from './export-queue.ts'
export { inspectData } from './inspect-data.ts'
