import { silentLogger } from '../../src/base/index.ts'
import { BrokerNode } from '../../src/server/node.ts'
import { type BrokerOptions, resolveOptions } from '../../src/server/options.ts'
import type { FileLayer } from '../../src/store/index.ts'
import { newProcess } from '../store/model.ts'

export interface NodeOptions
  extends Pick<BrokerOptions, 'sync' | 'messageMemory' | 'diskFreeLimit' | 'onFatal' | 'log'> {
  /** Bytes of journal between two checkpoints. */
  readonly journalBytes: number
}

/** A broker without its ports, over files that a test has in its hand; the directory is `/data`. */
export function openNode(files: FileLayer, { journalBytes, ...options }: NodeOptions): Promise<BrokerNode> {
  const resolved = resolveOptions({ log: silentLogger, diskFreeLimit: 0, ...options, dataDir: '/data' })
  return BrokerNode.open(resolved, { files, processes: newProcess(), journalBytes })
}
