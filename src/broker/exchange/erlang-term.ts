import { type FieldValue, readText, typeName } from '../../codec/index.ts'

/** A field value as RabbitMQ prints it inside an error text, where clients match it: `<<"zzz">>`, `5`, `true`. */
export function erlangTerm(value: FieldValue): string {
  switch (value.type) {
    case 'S':
    case 'x':
      return erlangBinary(readText(value.value, 0, value.value.length))
    case 'A':
      return `[${value.value.map((element) => `{${typeName(element)},${erlangTerm(element)}}`).join(',')}]`
    case 'F':
      return `[${value.value.entries
        .map(([name, field]) => `{${erlangBinary(name)},${typeName(field)},${erlangTerm(field)}}`)
        .join(',')}]`
    case 'D':
      return `{${value.scale},${value.value}}`
    case 'V':
      return 'undefined'
    case 'f':
    case 'd':
      return Number.isInteger(value.value) ? value.value.toFixed(1) : String(value.value)
    default:
      return String(value.value)
  }
}

/** Text as an Erlang binary. */
export function erlangBinary(text: string): string {
  if (text === '') return '<<>>'
  const quoted = text.replace(/["\\]/g, '\\$&').replace(/\n/g, '\\n').replace(/\r/g, '\\r').replace(/\t/g, '\\t')
  return /^[\x20-\x7e]*$/.test(quoted) ? `<<"${quoted}">>` : `<<"${quoted}"/utf8>>`
}

/** A name as an Erlang atom: `direct`, but `'x-consistent-hash'` in quotes of its own. */
export function erlangAtom(name: string): string {
  return /^[a-z][A-Za-z0-9_@]*$/.test(name) ? name : `'${name}'`
}
