import type { Writable } from 'node:stream'
import { Command } from 'commander'
import { type ExportedMessage, explainStoreError, loadInspector } from '../server/index.ts'
import { dataDirectory } from './data-directory.ts'
import { complain, ExitCode } from './errors.ts'
import { messageLine } from './json-lines.ts'

/** Characters that go out in one write. */
const WRITE_LENGTH = 65536

export function exportCommand(): Command {
  return new Command('export')
    .description(
      'Write the messages of a queue in a data directory that no broker uses to standard output, as lines of JSON. Changes nothing but the lock.',
    )
    .argument('<data-dir>', 'the data directory', dataDirectory)
    .argument('<queue>', 'the name of the queue')
    .option('--vhost <NAME>', 'its virtual host', '/')
    .action(async (directory: string, queue: string, { vhost }: { vhost: string }) => {
      try {
        await exportQueue(directory, vhost, queue, process.stdout)
      } catch (error) {
        throw explainStoreError(directory, error)
      }
    })
}

async function exportQueue(directory: string, vhost: string, name: string, out: Writable): Promise<void> {
  const { NoSuchQueueError, QueueExport } = await loadInspector()
  const queue = await QueueExport.open(directory, vhost, name).catch((error) => {
    if (!(error instanceof NoSuchQueueError)) throw error
    const { message, elsewhere } = error
    const vhosts = elsewhere.map((other) => `'${other}'`).join(' and ')
    const hint =
      vhosts === '' ? `leveret check ${directory} lists the queues` : `queue '${name}' is in ${vhosts}: give --vhost`
    throw new Error(`${message}; ${hint}`, { cause: error })
  })
  try {
    await writeMessages(queue.messages(), out)
    if (queue.problems.length === 0) return
    for (const problem of queue.problems) complain(problem)
    process.exitCode = ExitCode.FAILED
  } finally {
    await queue.close()
  }
}

/** Ends early, and well, when whoever reads the output has seen enough. @throws any other error of the output. */
async function writeMessages(messages: AsyncIterable<ExportedMessage>, out: Writable): Promise<void> {
  let failure: NodeJS.ErrnoException | undefined
  let wake = (): void => {}
  out.on('drain', () => wake())
  out.on('error', (error) => {
    failure ??= error
    wake()
  })
  const write = async (text: string): Promise<void> => {
    const isFull = !out.write(text)
    if (!isFull || failure !== undefined) return
    await new Promise<void>((resolve) => {
      wake = resolve
    })
  }
  let gathered = ''
  for await (const message of messages) {
    for (const piece of messageLine(message)) {
      gathered += piece
      if (gathered.length < WRITE_LENGTH) continue
      await write(gathered)
      gathered = ''
      if (failure !== undefined) break
    }
    if (failure !== undefined) break
  }
  await write(gathered)
  if (failure !== undefined && failure.code !== 'EPIPE') throw failure
}
