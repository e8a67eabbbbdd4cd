/** A generated file: where it goes below src/codec/generated, and its text as the formatter would leave it. */
export interface GeneratedFile {
  name: string
  text: string
}

const LINE_MAX = 120

/** A file of paragraphs with an empty line between them. */
export function file(name: string, paragraphs: string[]): GeneratedFile {
  const head = '// Generated from spec/amqp-0-9-1.json by bin/generate-codec.ts; do not edit.'
  const text = `${[`${head}\n${paragraphs[0]}`, ...paragraphs.slice(1)].join('\n\n')}\n`
  const long = text.split('\n').find((line) => line.length > LINE_MAX)
  if (long) throw new Error(`${name}: the formatter would break this line: ${long}`)
  return { name, text }
}

/** `import { a, b } from 'path'`, one name a line when it gets too long. */
export function importNames(names: string[], path: string): string {
  const line = `import { ${names.join(', ')} } from '${path}'`
  return line.length <= LINE_MAX ? line : `import {\n${names.map((name) => `  ${name},\n`).join('')}} from '${path}'`
}

/** Moves every line to the right. */
export function indent(lines: string[], by = 2): string[] {
  return lines.map((line) => (line === '' ? line : ' '.repeat(by) + line))
}
