import { type Spec, upper } from './spec.ts'
import { file, type GeneratedFile } from './text.ts'

/** Frame types, reply codes and class ids. */
export function constantsFile(spec: Spec): GeneratedFile {
  const constant = (name: string) => spec.constants.find((entry) => entry.name === name)?.value
  const types = ['method', 'header', 'body', 'heartbeat']
  const codes = spec.constants.filter((entry) => !entry.name.startsWith('frame-') || entry.error)
  const hard = codes.filter((entry) => entry.error === 'hard')
  return file('constants.ts', [
    `/** The first octet of a frame. */
export const FrameType = { ${types.map((type) => `${upper(type)}: ${constant(`frame-${type}`)}`).join(', ')} } as const`,
    `/** The last octet of every frame. */
export const FRAME_END = ${constant('frame-end')}`,
    `/** The smallest frame-max, in bytes, that may be negotiated. */
export const FRAME_MIN_SIZE = ${constant('frame-min-size')}`,
    `/** What a client sends first. Not to be written to. */
export const PROTOCOL_HEADER: Buffer = Buffer.from([${spec.protocol.header.join(', ')}])`,
    `export const ClassId = {
${spec.classes.map((klass) => `  ${upper(klass.name)}: ${klass.id},\n`).join('')}} as const`,
    `export const ReplyCode = {
${codes.map((entry) => `  ${upper(entry.name)}: ${entry.value},\n`).join('')}} as const`,
    `const REPLY_NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(ReplyCode).map(([name, code]): [number, string] => [code, name]),
)`,
    `/** The name reply texts begin with, such as \`PRECONDITION_FAILED\` for 406; \`UNKNOWN\` for a number that is no code. */
export function replyName(code: number): string {
  return REPLY_NAMES.get(code) ?? 'UNKNOWN'
}`,
    `/** Whether the code closes the connection and not just the channel. */
export function isHardError(code: number): boolean {
  switch (code) {
${hard.map((entry) => `    case ReplyCode.${upper(entry.name)}:\n`).join('')}      return true
    default:
      return false
  }
}`,
  ])
}
