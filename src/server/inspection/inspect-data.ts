import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Exchange, Queue, VirtualHost } from '../../broker/index.ts'
import { DataReader, type StoredHolder } from './data-reader.ts'
import type { DataReport, QueueReport, VirtualHostReport } from './data-report.ts'

/**
 * Reads all of a data directory that no broker uses: every checksum of the journal, and of the segment files that it
 * vouches for. Changes nothing.
 * @throws JournalError `locked`, `newer`, `unreadable`; SegmentError `newer`, `byte-order`.
 */
export async function inspectData(directory: string): Promise<DataReport> {
  const reader = await DataReader.open(directory)
  try {
    const vhosts: VirtualHostReport[] = []
    for (const virtualHost of reader.virtualHosts.all()) vhosts.push(await reportVirtualHost(reader, virtualHost))
    const { journal, segments, users, clean, problems, notes } = reader
    const others = await noteFiles(directory, reader)
    return {
      directory,
      problems,
      notes: [...notes, ...others],
      clean,
      journal: { files: journal.files, bytes: journal.bytes, records: journal.records },
      segments: { files: segments.ids.length, bytes: segments.bytes },
      users: users.names().map((name) => ({ name, tags: users.find(name)?.tags ?? [] })),
      vhosts,
    }
  } finally {
    await reader.close()
  }
}

async function reportVirtualHost(reader: DataReader, virtualHost: VirtualHost): Promise<VirtualHostReport> {
  const declared = [...virtualHost.exchanges.values()].filter(({ name }) => name !== '' && !name.startsWith('amq.'))
  const queues: QueueReport[] = []
  for (const stored of reader.queues) {
    if (stored.holder.host === virtualHost) queues.push(await reportQueue(reader, stored))
  }
  const delayed = new Map<Exchange, number>()
  for (const stored of reader.exchanges) {
    if (stored.holder.host === virtualHost) delayed.set(stored.holder, (await countMessages(reader, stored)).messages)
  }
  let bindings = 0
  for (const exchange of virtualHost.exchanges.values()) bindings += exchange.bindings.size
  return {
    name: virtualHost.name,
    exchanges: declared.map((exchange) => ({
      name: exchange.name,
      type: exchange.type.name,
      delayed: delayed.get(exchange) ?? 0,
    })),
    queues,
    bindings,
  }
}

async function reportQueue(reader: DataReader, stored: StoredHolder<Queue>): Promise<QueueReport> {
  const { name, type } = stored.holder
  return { name, type, ...(await countMessages(reader, stored)), segments: stored.restored?.segments.length ?? 0 }
}

/** Reads every message, so that the figures are what is there and not what the journal says of it. */
async function countMessages(
  reader: DataReader,
  stored: StoredHolder<Queue | Exchange>,
): Promise<{ messages: number; bytes: number; lost: number }> {
  let messages = 0
  let bytes = 0
  let lost = 0
  const slabs = reader.messagesOf(stored, (count) => {
    lost += count
  })
  for await (const slab of slabs) {
    for (const { message } of slab) {
      messages++
      bytes += message.bodyLength
    }
  }
  return { messages, bytes, lost }
}

/** What lies about that no message needs. */
async function noteFiles(directory: string, reader: DataReader): Promise<string[]> {
  const needed = reader.neededFiles
  const others = reader.segments.ids.filter((id) => !needed.has(id)).length
  const notes: string[] = []
  if (others > 0) notes.push(`${files(others)} of segments that nothing needs any more; the next start removes them`)
  for (const folder of ['journal', 'segments']) {
    const names = await readdir(join(directory, folder)).catch(() => [])
    const damaged = names.filter((name) => name.startsWith('damaged-')).length
    if (damaged > 0)
      notes.push(`${files(damaged)} of damaged bytes were set aside earlier, in ${join(directory, folder)}`)
  }
  return notes
}

function files(count: number): string {
  return count === 1 ? '1 file' : `${count} files`
}
