import {
  CHANNEL_CLOSE_OK,
  CHANNEL_OPEN_OK,
  encodeChannelClose,
  encodeChannelOpen,
  encodeQueueDelete,
  QUEUE_DELETE_OK,
} from '../../codec/index.ts'
import type { Client } from '../client/client.ts'
import type { Run } from './run.ts'
import { declareQueue } from './topology.ts'

export const CHURN_KINDS = ['connections', 'channels', 'queues'] as const
export type ChurnKind = (typeof CHURN_KINDS)[number]

/** Something that is opened and closed again and again, by number. */
export interface Subject {
  open(index: number): Promise<void>
  close(index: number): Promise<void>
}

export interface SubjectOptions {
  readonly kind: ChurnKind
  /** How many there are at a time at most. */
  readonly count: number
  readonly name: string
  readonly durable: boolean
  readonly queueArguments: Readonly<Record<string, unknown>>
}

export function createSubject(run: Run, options: SubjectOptions): Promise<Subject> {
  if (options.kind === 'connections') return Promise.resolve(connections(run))
  return options.kind === 'channels' ? channels(run, options.count) : queues(run, options)
}

/** Each with one channel, as a client has it before it does anything. */
function connections(run: Run): Subject {
  const open = new Map<number, Client>()
  return {
    async open(index) {
      open.set(index, await run.connectChannel(`connection ${index + 1}`))
    },
    async close(index) {
      const client = open.get(index)
      open.delete(index)
      if (client !== undefined) await run.close(client)
    },
  }
}

/** On as few connections as channel-max allows. */
async function channels(run: Run, count: number): Promise<Subject> {
  const first = await run.connect('channels 1')
  const carriers = [first]
  const perCarrier = first.channelMax
  while (carriers.length * perCarrier < count) carriers.push(await run.connect(`channels ${carriers.length + 1}`))
  const place = (index: number) => {
    const client = carriers[Math.floor(index / perCarrier)] as Client
    return { client, channel: (index % perCarrier) + 1 }
  }
  return {
    async open(index) {
      const { client, channel } = place(index)
      await client.call(channel, encodeChannelOpen(channel), CHANNEL_OPEN_OK)
    },
    async close(index) {
      const { client, channel } = place(index)
      await client.call(channel, encodeChannelClose(channel, { replyCode: 200, replyText: 'OK' }), CHANNEL_CLOSE_OK)
    },
  }
}

async function queues(run: Run, { name, durable, queueArguments }: SubjectOptions): Promise<Subject> {
  const client = await run.connectChannel('queues')
  return {
    open: (index) => declareQueue(client, `${name}.${index}`, durable, queueArguments),
    async close(index) {
      await client.call(1, encodeQueueDelete(1, { queue: `${name}.${index}` }), QUEUE_DELETE_OK)
    },
  }
}
