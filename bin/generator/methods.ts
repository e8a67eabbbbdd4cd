import { decodeLines } from './decode.ts'
import { encodeLines } from './encode.ts'
import { camel, pascal, type Spec, type SpecArgument, type SpecClass, type SpecMethod, upper, wireId } from './spec.ts'
import { file, type GeneratedFile, importNames, indent } from './text.ts'

/** One file a class with its methods, and `methods.ts`, which knows them all. */
export function methodFiles(spec: Spec): GeneratedFile[] {
  return [...spec.classes.map(classFile), indexFile(spec)]
}

function classFile(klass: SpecClass): GeneratedFile {
  const paragraphs = klass.methods.flatMap((method) => methodParagraphs(klass, method))
  return file(`${klass.name}.ts`, [importsFor(paragraphs.join('\n')), ...paragraphs])
}

const IMPORTS: [path: string, names: string[]][] = [
  ['../frame.ts', ['emptyMethodFrame']],
  ['../table.ts', ['Table']],
  ['../table-reader.ts', ['readTable']],
  ['../table-writer.ts', ['tableBytes', 'writeTable']],
  [
    '../wire.ts',
    [
      'longstrBytes',
      'readLongstr',
      'readShortstr',
      'readUint16',
      'readUint32',
      'readUint64',
      'shortstrBytes',
      'writeLongstr',
      'writeShortstr',
      'writeUint16',
      'writeUint32',
      'writeUint64',
    ],
  ],
]

function importsFor(code: string): string {
  const lines: string[] = []
  for (const [path, names] of IMPORTS) {
    const used = names.filter((name) => new RegExp(`\\b${name}\\b`).test(code))
    if (used.length > 0) lines.push(importNames(used, path))
  }
  return [...lines, `import { type MethodDecoder, NO_BYTES } from '../method.ts'`]
    .sort((a, b) => pathOf(a).localeCompare(pathOf(b)))
    .join('\n')
}

function pathOf(line: string): string {
  return /'(.*)\.ts'/.exec(line)?.[1] ?? ''
}

function methodParagraphs(klass: SpecClass, method: SpecMethod): string[] {
  const constant = constantOf(klass, method)
  const name = classNameOf(klass, method)
  const sender = { client: 'the client', server: 'the server', both: 'either side' }[method.sentBy]
  return [
    `/** ${klass.name}.${method.name}, sent by ${sender}. */\nexport const ${constant} = ${wireId(klass, method)}`,
    `export class ${name} implements MethodDecoder {\n${indent(classBody(method)).join('\n')}\n}`,
    fieldsType(name, method),
    `${encoderDoc(klass, method)}
export function encode${name}(channel: number, ${fieldsParameter(name, method)}): Buffer {
${indent(encodeLines(method, constant)).join('\n')}
}`,
  ]
}

function encoderDoc(klass: SpecClass, method: SpecMethod): string {
  const frame = `A whole frame of ${klass.name}.${method.name}`
  if (method.args.length === 0) return `/** ${frame}. */`
  const short = method.args.some((argument) => argument.type === 'shortstr' || argument.type === 'table')
  if (!short) return `/** ${frame}; a field left out has the protocol's default. */`
  return `/**
 * ${frame}; a field left out has the protocol's default.
 * @throws RangeError when a shortstr is over 255 bytes.
 */`
}

function classBody(method: SpecMethod): string[] {
  return [
    'buffer: Buffer = NO_BYTES',
    ...method.args.map(fieldLine),
    '',
    'decode(buffer: Buffer, from: number, to: number): boolean {',
    ...indent(['this.buffer = buffer', ...decodeLines(method)]),
    '}',
    ...method.args.flatMap(getterLines),
  ]
}

function fieldLine(argument: SpecArgument): string {
  if (isVariable(argument)) return `${camel(argument.name)}At = 0`
  return `${camel(argument.name)} = ${argument.type === 'bit' ? 'false' : '0'}`
}

function getterLines(argument: SpecArgument): string[] {
  if (!isVariable(argument)) return []
  const name = camel(argument.name)
  const [type, read] = {
    shortstr: ['string', 'readShortstr'],
    longstr: ['Buffer', 'readLongstr'],
    table: ['Table', 'readTable'],
  }[argument.type as 'shortstr' | 'longstr' | 'table'] as [string, string]
  return ['', `get ${name}(): ${type} {`, `  return ${read}(this.buffer, this.${name}At)`, '}']
}

function fieldsType(name: string, method: SpecMethod): string {
  if (method.args.length === 0) return `export type ${name}Fields = Record<string, never>`
  const lines = method.args.map((argument) => `  ${camel(argument.name)}?: ${fieldType(argument)}\n`)
  return `export interface ${name}Fields {\n${lines.join('')}}`
}

// A method without arguments still takes the parameter, so that all encoders can be called alike.
function fieldsParameter(name: string, method: SpecMethod): string {
  return method.args.length === 0 ? `_fields: ${name}Fields = {}` : `fields: ${name}Fields = {}`
}

function fieldType(argument: SpecArgument): string {
  switch (argument.type) {
    case 'bit':
      return 'boolean'
    case 'shortstr':
      return 'string'
    case 'longstr':
      return 'Buffer | string'
    case 'table':
      return 'Table'
    default:
      return 'number'
  }
}

function isVariable(argument: SpecArgument): boolean {
  return argument.type === 'shortstr' || argument.type === 'longstr' || argument.type === 'table'
}

function indexFile(spec: Spec): GeneratedFile {
  const all = spec.classes.flatMap((klass) => klass.methods.map((method) => ({ klass, method })))
  const files = [...spec.classes].sort((a, b) => a.name.localeCompare(b.name))
  const imports = files.map((klass) => {
    const names = klass.methods.flatMap((method) => [constantOf(klass, method), classNameOf(klass, method)])
    return importNames(sortedNames(names), `./${klass.name}.ts`)
  })
  const infos = all.map(({ klass, method }) => infoText(klass, method))
  const decoders = all.map(
    ({ klass, method }) => `    [${constantOf(klass, method)}, new ${classNameOf(klass, method)}()],\n`,
  )
  return file('methods.ts', [
    [`import type { MethodDecoder, MethodInfo } from '../method.ts'`, ...imports].join('\n'),
    files.map((klass) => `export * from './${klass.name}.ts'`).join('\n'),
    `const INFOS: MethodInfo[] = [\n${infos.join('')}]`,
    `/** What the protocol says of each method, by class id << 16 | method id. */
export const METHODS: ReadonlyMap<number, MethodInfo> = new Map(
  INFOS.map((info): [number, MethodInfo] => [(info.classId << 16) | info.methodId, info]),
)`,
    `/** A fresh set of decoders, one reused object a method, by class id << 16 | method id. */
export function createDecoders(): Map<number, MethodDecoder> {
  return new Map<number, MethodDecoder>([\n${decoders.join('')}  ])
}`,
  ])
}

function infoText(klass: SpecClass, method: SpecMethod): string {
  const replies = method.replies.map((reply) => {
    const found = klass.methods.find((other) => other.name === reply)
    if (!found) throw new Error(`${klass.name}.${method.name} has an unknown reply ${reply}`)
    return constantOf(klass, found)
  })
  return `  {
    name: '${klass.name}.${method.name}',
    classId: ${klass.id},
    methodId: ${method.id},
    hasContent: ${method.content},
    sentBy: '${method.sentBy}',
    replies: [${replies.join(', ')}],
  },
`
}

// Upper-case names first within equal letters is how the linter sorts imports.
function sortedNames(names: string[]): string[] {
  return [...names].sort()
}

function constantOf(klass: SpecClass, method: SpecMethod): string {
  return upper(`${klass.name}-${method.name}`)
}

function classNameOf(klass: SpecClass, method: SpecMethod): string {
  return pascal(`${klass.name}-${method.name}`)
}
