import { silentLogger } from '../../src/base/index.ts'
import { BrokerNode } from '../../src/server/node.ts'
import { type BrokerOptions, resolveOptions } from '../../src/server/options.ts'
import type { FileJournalOptions, FileLayer } from '../../src/store/index.ts'
import { newProcess } from '../store/model.ts'

type JournalOptions = Pick<FileJournalOptions, 'batchBytes' | 'retryMs'>
type ServerOptions = Pick<
  BrokerOptions,
  'sync' | 'syncIntervalMs' | 'messageMemory' | 'diskFreeLimit' | 'onFatal' | 'log'
>

export interface NodeOptions extends ServerOptions, JournalOptions {
  /** Room to keep back for a full disk; default 0, for none. */
  readonly reserveBytes?: number
  /** Bytes of journal between two checkpoints. */
  readonly journalBytes: number
}

/** A broker without its ports, over files that a test has in its hand; the directory is `/data`. */
export function openNode(files: FileLayer, options: NodeOptions): Promise<BrokerNode> {
  const { journalBytes, reserveBytes = 0, batchBytes, retryMs, ...rest } = options
  const journal = {
    ...(batchBytes === undefined ? {} : { batchBytes }),
    ...(retryMs === undefined ? {} : { retryMs }),
  }
  const machine = { files, processes: newProcess(), journalBytes, reserveBytes, ...journal }
  const { messageMemory, ...others } = rest
  const resolved = resolveOptions({ log: silentLogger, diskFreeLimit: 0, ...others, dataDir: '/data' })
  // Below what anybody else may choose, so that messages are on their way to and from files all the time.
  return BrokerNode.open(messageMemory === undefined ? resolved : { ...resolved, messageMemory }, machine)
}
