import type { Certificate } from '../../src/amop/index.ts'

// A recorded session is a text of lines; what begins with # is for people. Times are whole ms since the first connection.
//
//   settings {"choice":"round-robin"}    AmopSettings of the node, if others than the defaults; before all the rest
//   0 1 open {"subject":"CN=sdk",...}    connection 1 is opened; the Certificate that it has shown, null over plain TCP
//   3 1 > 0000005a0014...                the SDK has sent this
//   4 1 < 0000004f0014...                the node has sent this
//   90 1 end                             the SDK has closed the connection
//   90 2 cut                             the node has
//
// Bytes are hex, one whole frame a line; only the last line of a connection may hold less. The order of the lines is that
// in which they were seen. Lines of several connections stand between one another.

export type Event =
  | { readonly kind: 'open'; readonly certificate: Certificate | undefined }
  | { readonly kind: 'sent' | 'said'; readonly bytes: Buffer }
  | { readonly kind: 'end' | 'cut' }

export type RecordedLine = { readonly ms: number; readonly connection: number } & Event

export interface Recording {
  readonly settings: Record<string, unknown>
  readonly lines: readonly RecordedLine[]
}

/** @throws Error that names the line. */
export function parseRecording(text: string): Recording {
  let settings: Record<string, unknown> = {}
  const lines: RecordedLine[] = []
  for (const [index, line] of text.split('\n').entries()) {
    if (line === '' || line.startsWith('#')) continue
    if (line.startsWith('settings ')) settings = JSON.parse(line.slice('settings '.length))
    else lines.push(parseLine(line, index + 1))
  }
  return { settings, lines }
}

function parseLine(line: string, number: number): RecordedLine {
  const match = /^(\d+) (\d+) (?:(open) (.+)|([<>]) ((?:[0-9a-f]{2})+)|(end|cut))$/.exec(line)
  if (match === null) throw new Error(`line ${number} is none of a recorded session: ${line.slice(0, 80)}`)
  const [, ms, connection, open, certificate, direction, hex, last] = match
  const at = { ms: Number(ms), connection: Number(connection) }
  if (open !== undefined) return { ...at, kind: 'open', certificate: JSON.parse(certificate as string) ?? undefined }
  if (direction === undefined) return { ...at, kind: last as 'end' | 'cut' }
  return { ...at, kind: direction === '>' ? 'sent' : 'said', bytes: Buffer.from(hex as string, 'hex') }
}

export function formatLine(line: RecordedLine): string {
  const start = `${line.ms} ${line.connection}`
  switch (line.kind) {
    case 'open':
      return `${start} open ${JSON.stringify(line.certificate ?? null)}\n`
    case 'sent':
    case 'said':
      return `${start} ${line.kind === 'sent' ? '>' : '<'} ${line.bytes.toString('hex')}\n`
    default:
      return `${start} ${line.kind}\n`
  }
}
