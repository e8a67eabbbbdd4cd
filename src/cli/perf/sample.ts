import type { Flow } from './flow.ts'
import type { ProcessUsage, Usage } from './process-usage.ts'

/** Where a run stands at one moment. */
export interface Sample {
  readonly atMs: number
  readonly published: number
  readonly delivered: number
  readonly confirmed: number
  readonly broker: Usage | undefined
  /** CPU seconds of this process. */
  readonly ownCpuSeconds: number
}

export function takeSample(flow: Flow, broker: ProcessUsage): Sample {
  const own = process.cpuUsage()
  return {
    atMs: performance.now(),
    published: flow.published,
    delivered: flow.delivered,
    confirmed: flow.confirmed + flow.refused,
    broker: broker.read(),
    ownCpuSeconds: (own.user + own.system) / 1e6,
  }
}

/** What happened between two samples. */
export interface Window {
  readonly seconds: number
  readonly published: number
  readonly delivered: number
  readonly confirmed: number
  readonly brokerCpuSeconds: number | undefined
  readonly ownCpuSeconds: number
  /** At the end. */
  readonly brokerResidentBytes: number | undefined
}

export function windowBetween(from: Sample, to: Sample): Window {
  return {
    seconds: (to.atMs - from.atMs) / 1000,
    published: to.published - from.published,
    delivered: to.delivered - from.delivered,
    confirmed: to.confirmed - from.confirmed,
    brokerCpuSeconds: from.broker && to.broker && to.broker.cpuSeconds - from.broker.cpuSeconds,
    ownCpuSeconds: to.ownCpuSeconds - from.ownCpuSeconds,
    brokerResidentBytes: to.broker?.residentBytes,
  }
}
