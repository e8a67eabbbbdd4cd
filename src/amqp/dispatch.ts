import { notImplemented } from '../broker/index.ts'
import {
  ACCESS_REQUEST,
  BASIC_ACK,
  BASIC_CANCEL,
  BASIC_CANCEL_OK,
  BASIC_CONSUME,
  BASIC_GET,
  BASIC_NACK,
  BASIC_PUBLISH,
  BASIC_QOS,
  BASIC_RECOVER,
  BASIC_RECOVER_ASYNC,
  BASIC_REJECT,
  type BasicAck,
  type BasicCancel,
  type BasicConsume,
  type BasicGet,
  type BasicNack,
  type BasicPublish,
  type BasicQos,
  type BasicRecover,
  type BasicReject,
  CHANNEL_CLOSE,
  CHANNEL_FLOW,
  CHANNEL_OPEN,
  type ChannelFlow,
  CONFIRM_SELECT,
  type ConfirmSelect,
  EXCHANGE_BIND,
  EXCHANGE_DECLARE,
  EXCHANGE_DELETE,
  EXCHANGE_UNBIND,
  type ExchangeBind,
  type ExchangeDeclare,
  type ExchangeDelete,
  type ExchangeUnbind,
  encodeAccessRequestOk,
  encodeChannelCloseOk,
  encodeChannelFlowOk,
  type MethodDecoder,
  QUEUE_BIND,
  QUEUE_DECLARE,
  QUEUE_DELETE,
  QUEUE_PURGE,
  QUEUE_UNBIND,
  type QueueBind,
  type QueueDeclare,
  type QueueDelete,
  type QueuePurge,
  type QueueUnbind,
  TX_COMMIT,
  TX_ROLLBACK,
  TX_SELECT,
} from '../codec/index.ts'
import {
  basicAck,
  basicCancel,
  basicConsume,
  basicGet,
  basicNack,
  basicQos,
  basicRecover,
  basicReject,
} from './basic.ts'
import type { Channel } from './channel.ts'
import { channelError, commandInvalid } from './errors.ts'
import { exchangeBind, exchangeDeclare, exchangeDelete, exchangeUnbind } from './exchange.ts'
import { queueBind, queueDeclare, queueDelete, queuePurge, queueUnbind } from './queue.ts'
import { confirmSelect, txCommit, txRollback, txSelect } from './tx.ts'

/** Hands a method on an open channel to whoever answers it. @throws AmqpError what the client did wrong. */
export function dispatch(channel: Channel, id: number, method: MethodDecoder): void {
  switch (id) {
    case BASIC_ACK:
      basicAck(channel, method as BasicAck)
      break
    case BASIC_PUBLISH:
      channel.publisher.begin(method as BasicPublish)
      break
    case BASIC_NACK:
      basicNack(channel, method as BasicNack)
      break
    case BASIC_REJECT:
      basicReject(channel, method as BasicReject)
      break
    case BASIC_GET:
      basicGet(channel, method as BasicGet)
      break
    case BASIC_QOS:
      basicQos(channel, method as BasicQos)
      break
    case BASIC_CONSUME:
      basicConsume(channel, method as BasicConsume)
      break
    case BASIC_CANCEL:
      basicCancel(channel, method as BasicCancel)
      break
    case BASIC_CANCEL_OK:
      // The answer to our notification that a queue has gone; nothing is left to do.
      break
    case BASIC_RECOVER:
    case BASIC_RECOVER_ASYNC:
      basicRecover(channel, method as BasicRecover, id === BASIC_RECOVER)
      break
    case QUEUE_DECLARE:
      queueDeclare(channel, method as QueueDeclare)
      break
    case QUEUE_BIND:
      queueBind(channel, method as QueueBind)
      break
    case QUEUE_UNBIND:
      queueUnbind(channel, method as QueueUnbind)
      break
    case QUEUE_PURGE:
      queuePurge(channel, method as QueuePurge)
      break
    case QUEUE_DELETE:
      queueDelete(channel, method as QueueDelete)
      break
    case EXCHANGE_DECLARE:
      exchangeDeclare(channel, method as ExchangeDeclare)
      break
    case EXCHANGE_DELETE:
      exchangeDelete(channel, method as ExchangeDelete)
      break
    case EXCHANGE_BIND:
      exchangeBind(channel, method as ExchangeBind)
      break
    case EXCHANGE_UNBIND:
      exchangeUnbind(channel, method as ExchangeUnbind)
      break
    case CONFIRM_SELECT:
      confirmSelect(channel, method as ConfirmSelect)
      break
    case TX_SELECT:
      txSelect(channel)
      break
    case TX_COMMIT:
      txCommit(channel)
      break
    case TX_ROLLBACK:
      txRollback(channel)
      break
    case CHANNEL_FLOW:
      if (!(method as ChannelFlow).active) throw notImplemented('active=false')
      channel.send(encodeChannelFlowOk(channel.number, { active: true }))
      break
    case CHANNEL_OPEN:
      throw channelError("second 'channel.open' seen")
    case CHANNEL_CLOSE:
      channel.settleConfirms()
      channel.removeConsumers()
      channel.release()
      channel.connection.channels.delete(channel.number)
      channel.send(encodeChannelCloseOk(channel.number, {}))
      break
    case ACCESS_REQUEST:
      // A leftover of 0-8 that RabbitMQ still answers; tickets mean nothing.
      channel.send(encodeAccessRequestOk(channel.number, { ticket: 1 }))
      break
    default:
      throw commandInvalid('unimplemented method')
  }
}
