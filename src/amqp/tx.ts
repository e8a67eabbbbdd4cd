import { preconditionFailed } from '../broker/index.ts'
import {
  type ConfirmSelect,
  encodeConfirmSelectOk,
  encodeTxCommitOk,
  encodeTxRollbackOk,
  encodeTxSelectOk,
} from '../codec/index.ts'
import type { Channel } from './channel.ts'
import { Transaction } from './transaction.ts'

export function confirmSelect(channel: Channel, method: ConfirmSelect): void {
  if (channel.transaction !== undefined) throw preconditionFailed('cannot switch from tx to confirm mode')
  channel.selectConfirms()
  if (!method.noWait) channel.send(encodeConfirmSelectOk(channel.number, {}))
}

export function txSelect(channel: Channel): void {
  if (channel.confirms !== undefined) throw preconditionFailed('cannot switch from confirm to tx mode')
  channel.transaction ??= new Transaction()
  channel.send(encodeTxSelectOk(channel.number, {}))
}

export function txCommit(channel: Channel): void {
  const position = transactionOf(channel).commit(channel)
  channel.send(encodeTxCommitOk(channel.number, {}))
  channel.connection.holdOutput(position)
}

export function txRollback(channel: Channel): void {
  transactionOf(channel).rollback(channel)
  channel.send(encodeTxRollbackOk(channel.number, {}))
}

function transactionOf(channel: Channel): Transaction {
  if (channel.transaction === undefined) throw preconditionFailed('channel is not transactional')
  return channel.transaction
}
