import { Command } from 'commander'
import { type DataReport, explainStoreError, loadInspector, type VirtualHostReport } from '../server/index.ts'
import { dataDirectory } from './data-directory.ts'
import { ExitCode } from './errors.ts'

export function checkCommand(): Command {
  return new Command('check')
    .description(
      'Read a data directory that no broker uses, verify every checksum and print what is in it. Exits with 0 when it is sound, 1 when it is damaged or cannot be read. Changes nothing but the lock.',
    )
    .argument('<data-dir>', 'the data directory', dataDirectory)
    .option('--json', 'print one JSON object instead')
    .action(async (directory: string, { json }: { json?: true }) => {
      const { inspectData } = await loadInspector()
      const report = await inspectData(directory).catch((error) => {
        throw explainStoreError(directory, error)
      })
      process.stdout.write(json ? `${JSON.stringify(report)}\n` : reportText(report))
      if (report.problems.length > 0) process.exitCode = ExitCode.FAILED
    })
}

/** The report as people read it: what is wrong first, then what there is. */
export function reportText(report: DataReport): string {
  const { directory, problems, notes, journal, segments, users, vhosts, clean } = report
  const lines = [
    `${directory}: ${problems.length === 0 ? 'sound' : `damaged, ${count(problems.length, 'problem')}`}`,
    ...problems.map((problem) => `  damage: ${problem}`),
    ...notes.map((note) => `  note: ${note}`),
    `journal: ${count(journal.files, 'file')}, ${size(journal.bytes)}, ${count(journal.records, 'record')}; ${
      clean ? 'the broker was stopped in order' : 'the broker was not stopped in order'
    }`,
    `segments: ${count(segments.files, 'file')}, ${size(segments.bytes)}`,
    `users: ${users.map(({ name, tags }) => (tags.length === 0 ? name : `${name} [${tags.join(' ')}]`)).join(', ') || 'none'}`,
    ...vhosts.flatMap(virtualHostLines),
  ]
  return `${lines.join('\n')}\n`
}

function virtualHostLines({ name, exchanges, queues, bindings }: VirtualHostReport): string[] {
  const title = `virtual host ${name}: ${count(exchanges.length, 'exchange')} declared, ${count(queues.length, 'queue')}, ${count(bindings, 'binding')}`
  const exchangeRows = exchanges.map((exchange) => [
    exchange.name,
    exchange.type,
    exchange.delayed === 0 ? '' : `${count(exchange.delayed, 'message')} kept back`,
  ])
  const queueRows = queues.map((queue) => [
    queue.name,
    queue.type,
    count(queue.messages, 'message'),
    size(queue.bytes),
    queue.lost === 0 ? '' : `${count(queue.lost, 'message')} lost`,
  ])
  return [title, ...table('exchange', exchangeRows), ...table('queue', queueRows)]
}

/** Rows in columns, each behind the same word. */
function table(word: string, rows: readonly string[][]): string[] {
  const widths = rows.reduce<number[]>((all, row) => row.map((cell, at) => Math.max(all[at] ?? 0, cell.length)), [])
  return rows.map((row) => `  ${word} ${row.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join('  ')}`.trimEnd())
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`
}

function size(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`
  const [divisor, unit] =
    bytes < 1024 ** 2 ? [1024, 'KiB'] : bytes < 1024 ** 3 ? [1024 ** 2, 'MiB'] : [1024 ** 3, 'GiB']
  return `${(bytes / divisor).toFixed(1)} ${unit}`
}
