import { camel, type Spec, type SpecProperty, upper, type WireType } from './spec.ts'
import { file, type GeneratedFile } from './text.ts'

/** The flags of class basic's properties, and the names, types and bytes behind them. */
export function propertyFiles(spec: Spec): GeneratedFile[] {
  const properties = spec.classes.flatMap((klass) => klass.properties ?? [])
  return [flagsFile(properties), propertiesFile(properties)]
}

function flagsFile(properties: SpecProperty[]): GeneratedFile {
  const flags = properties.map((property) => `  ${upper(property.name)}: ${hex(property.flagMask)},\n`)
  const names = properties.map((property) => `  ${camel(property.name)}: PropertyFlag.${upper(property.name)},\n`)
  const mask = (type?: WireType) =>
    hex(
      properties
        .filter((property) => type === undefined || property.type === type)
        .reduce((bits, property) => bits | property.flagMask, 0),
    )
  return file('property-flags.ts', [
    `/** The bit of each property in the flags word; the list has their values from the highest bit down. */
export const PropertyFlag = {\n${flags.join('')}} as const`,
    `/** The same by the property's name in \`Properties\`. */
export const PROPERTY_FLAGS = {\n${names.join('')}} as const`,
    `export const PROPERTIES_MASK = ${mask()}
export const SHORTSTR_PROPERTIES = ${mask('shortstr')}
export const TABLE_PROPERTIES = ${mask('table')}
export const OCTET_PROPERTIES = ${mask('octet')}
export const TIMESTAMP_PROPERTIES = ${mask('timestamp')}`,
  ])
}

function propertiesFile(properties: SpecProperty[]): GeneratedFile {
  return file('properties.ts', [
    `import { PropertyList } from '../property-list.ts'
import type { Table } from '../table.ts'
import { tableBytes, writeTable } from '../table-writer.ts'
import { shortstrBytes, writeShortstr, writeUint16, writeUint64 } from '../wire.ts'
import { PropertyFlag } from './property-flags.ts'`,
    `/** The properties of a message; \`timestamp\` in seconds since 1970. */
export interface Properties {
${properties.map((property) => `  ${camel(property.name)}?: ${typeOf(property)}\n`).join('')}}`,
    `/**
 * The properties of a message where they stand, decoded one by one as they are asked for. An absent number of one octet
 * is -1. A string may hold bytes that are not UTF-8, see \`readText\`.
 *
 * Every getter throws CodecError 501 when the list ends before the value, or the headers are no table.
 */
export class PropertyView extends PropertyList {
${properties.map(getter).join('\n\n')}

  /** All properties that are there. */
  toObject(): Properties {
    const properties: Properties = {}
${properties.map(copier).join('\n')}
    return properties
  }
}`,
    `/**
 * The flags word and list of the properties, as \`encodeContentHeader\` takes them.
 * @throws RangeError when a string is over 255 bytes.
 */
export function encodeProperties(properties: Properties): Buffer {
  const {
${properties.map((property) => `    ${camel(property.name)},\n`).join('')}  } = properties
  let bytes = 2
${properties.map((property) => `  if (${camel(property.name)} !== undefined) bytes += ${bytesOf(property)}`).join('\n')}
  const list = Buffer.allocUnsafe(bytes)
  let flags = 0
  let at = 2
${properties.map(writer).join('\n')}
  writeUint16(list, 0, flags)
  return list
}`,
  ])
}

function hex(value: number): string {
  return `0x${value.toString(16).padStart(4, '0')}`
}

function typeOf(property: SpecProperty): string {
  return { shortstr: 'string', table: 'Table' }[property.type as 'shortstr'] ?? 'number'
}

function getter(property: SpecProperty): string {
  const [type, read] = {
    shortstr: ['string | undefined', 'shortstr'],
    table: ['Table | undefined', 'table'],
    octet: ['number', 'octet'],
    timestamp: ['number | undefined', 'timestampOf'],
  }[property.type as 'shortstr' | 'table' | 'octet' | 'timestamp'] as [string, string]
  return `  get ${camel(property.name)}(): ${type} {
    return this.${read}(PropertyFlag.${upper(property.name)})
  }`
}

function copier(property: SpecProperty): string {
  const name = camel(property.name)
  const absent = property.type === 'octet' ? '>= 0' : '!== undefined'
  return `    const ${name} = this.${name}
    if (${name} ${absent}) properties.${name} = ${name}`
}

function bytesOf(property: SpecProperty): string {
  const name = camel(property.name)
  switch (property.type) {
    case 'shortstr':
      return `shortstrBytes(${name})`
    case 'table':
      return `tableBytes(${name})`
    default:
      return property.type === 'octet' ? '1' : '8'
  }
}

function writer(property: SpecProperty): string {
  const name = camel(property.name)
  const write = {
    shortstr: `at = writeShortstr(list, at, ${name})`,
    table: `at = writeTable(list, at, ${name})`,
    octet: `list[at++] = ${name}`,
    timestamp: `writeUint64(list, at, ${name})\n    at += 8`,
  }[property.type as 'shortstr' | 'table' | 'octet' | 'timestamp']
  return `  if (${name} !== undefined) {
    flags |= PropertyFlag.${upper(property.name)}
    ${write}
  }`
}
