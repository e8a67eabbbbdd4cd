// Random valid AMQP values, built from the protocol's description.
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { camel, pascal, type Spec, type SpecArgument, type WireType } from '../../bin/generator/spec.ts'
import * as codec from '../../src/codec/index.ts'
import { type FieldValue, type MethodDecoder, type Properties, readText, Table } from '../../src/codec/index.ts'

// A failure shows the seed, the shrunk values and the error that they caused.
fc.configureGlobal({ includeErrorInReport: true })

const ANY_KEYS = { requiredKeys: [] as [], noNullPrototype: true }

export interface FieldSpec {
  fieldValueTypes: { tag: string; size: number | string }[]
}

export const spec = JSON.parse(readFileSync('spec/amqp-0-9-1.json', 'utf8')) as Spec & FieldSpec

/** The tags a table may hold, `L` included. */
export const FIELD_TAGS = spec.fieldValueTypes.map((type) => type.tag)

export type Fields = Record<string, unknown>

/** A method of the description with what the codec exports for it. */
export interface Method {
  name: string
  id: number
  args: SpecArgument[]
  hasContent: boolean
  encode: (channel: number, fields?: Fields) => Buffer
  decoder: () => MethodDecoder & Fields
}

const exported = codec as unknown as Record<string, unknown>

export const methods: Method[] = spec.classes.flatMap((klass) =>
  klass.methods.map((method) => {
    const name = pascal(`${klass.name}-${method.name}`)
    const Decoder = exported[name] as new () => MethodDecoder & Fields
    return {
      name: `${klass.name}.${method.name}`,
      id: (klass.id << 16) | method.id,
      args: method.args,
      hasContent: method.content,
      encode: exported[`encode${name}`] as Method['encode'],
      decoder: () => new Decoder(),
    }
  }),
)

/** Text of at most 255 bytes of UTF-8, the extremes included. */
export const shortstr = fc.oneof(
  { weight: 5, arbitrary: fc.string({ maxLength: 12 }) },
  { weight: 3, arbitrary: fc.string({ unit: 'binary', maxLength: 63 }) },
  { weight: 1, arbitrary: fc.string({ unit: 'binary-ascii', minLength: 255, maxLength: 255 }) },
)

/** Text as it is read from bytes that need not be UTF-8. */
export const anyText = fc.oneof(
  { weight: 3, arbitrary: shortstr },
  {
    weight: 1,
    arbitrary: fc.uint8Array({ maxLength: 40 }).map((bytes) => readText(Buffer.from(bytes), 0, bytes.length)),
  },
)

export const bytes = fc.uint8Array({ maxLength: 200 }).map((array) => Buffer.from(array))

// Made from bytes, so that every NaN there is comes up.
function floating(type: 'f' | 'd'): fc.Arbitrary<FieldValue> {
  const size = type === 'f' ? 4 : 8
  const raw = fc.oneof(
    fc.uint8Array({ minLength: size, maxLength: size }),
    // The exponent of NaN and infinity.
    fc.uint8Array({ minLength: size - 2, maxLength: size - 2 }).map((rest) => Uint8Array.of(0x7f, 0xf8, ...rest)),
    fc.uint8Array({ minLength: size - 2, maxLength: size - 2 }).map((rest) => Uint8Array.of(0xff, 0xf0, ...rest)),
    fc.uint8Array({ minLength: size - 2, maxLength: size - 2 }).map((rest) => Uint8Array.of(0x7f, 0x80, ...rest)),
  )
  return raw.map((array): FieldValue => {
    const buffer = Buffer.from(array)
    const value = type === 'f' ? buffer.readFloatBE(0) : buffer.readDoubleBE(0)
    return Number.isNaN(value) ? { type, value, raw: buffer } : { type, value }
  })
}

function integer(type: 'b' | 'B' | 's' | 'u' | 'I' | 'i', min: number, max: number): fc.Arbitrary<FieldValue> {
  return fc.integer({ min, max }).map((value) => ({ type, value }))
}

/** Tables with every type; `name` gives the names, which may repeat. */
export function tables(name: fc.Arbitrary<string>): { table: fc.Arbitrary<Table>; field: fc.Arbitrary<FieldValue> } {
  const { table, field } = fc.letrec<{ table: Table; field: FieldValue; leaf: FieldValue }>((tie) => ({
    leaf: fc.oneof(
      fc.boolean().map((value): FieldValue => ({ type: 't', value })),
      integer('b', -0x80, 0x7f),
      integer('B', 0, 0xff),
      integer('s', -0x8000, 0x7fff),
      integer('u', 0, 0xffff),
      integer('I', -0x8000_0000, 0x7fff_ffff),
      integer('i', 0, 0xffff_ffff),
      fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map((value): FieldValue => ({ type: 'l', value })),
      floating('f'),
      floating('d'),
      fc
        .record({ scale: fc.integer({ min: 0, max: 255 }), value: fc.integer({ min: 0, max: 0xffff_ffff }) })
        .map((decimal): FieldValue => ({ type: 'D', ...decimal })),
      fc
        .tuple(fc.constantFrom('S' as const, 'x' as const), bytes)
        .map(([type, value]): FieldValue => ({ type, value })),
      fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map((value): FieldValue => ({ type: 'T', value })),
      fc.constant<FieldValue>({ type: 'V' }),
    ),
    field: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      { weight: 6, arbitrary: tie('leaf') },
      {
        weight: 1,
        arbitrary: fc.array(tie('field'), { maxLength: 4 }).map((value): FieldValue => ({ type: 'A', value })),
      },
      { weight: 1, arbitrary: tie('table').map((value): FieldValue => ({ type: 'F', value })) },
    ),
    table: fc.array(fc.tuple(name, tie('field')), { maxLength: 6 }).map((entries) => new Table(entries)),
  }))
  return { table, field }
}

export const { table, field } = tables(anyText)

const VALUES: Record<WireType, fc.Arbitrary<unknown>> = {
  bit: fc.boolean(),
  octet: fc.integer({ min: 0, max: 0xff }),
  short: fc.integer({ min: 0, max: 0xffff }),
  long: fc.integer({ min: 0, max: 0xffff_ffff }),
  longlong: fc.maxSafeNat(),
  timestamp: fc.maxSafeNat(),
  shortstr,
  longstr: bytes,
  table,
}

/** A method and values for any subset of its arguments. */
export const call: fc.Arbitrary<{ method: Method; channel: number; fields: Fields }> = fc
  .constantFrom(...methods)
  .chain((method) => {
    const values = method.args.map((argument) => [camel(argument.name), VALUES[argument.type]] as const)
    const fields = fc.record(Object.fromEntries(values), ANY_KEYS)
    return fc.record({ method: fc.constant(method), channel: VALUES.short as fc.Arbitrary<number>, fields })
  })

const propertySpecs = spec.classes.flatMap((klass) => klass.properties ?? [])

export const PROPERTY_NAMES = propertySpecs.map((property) => camel(property.name)) as (keyof Properties)[]

/** Any subset of the properties. */
export const properties = fc.record(
  Object.fromEntries(
    propertySpecs.map((property) => [
      camel(property.name),
      property.type === 'shortstr' ? anyText : (VALUES[property.type] as fc.Arbitrary<unknown>),
    ]),
  ),
  ANY_KEYS,
) as fc.Arbitrary<Properties>

/** Cuts a stream into pieces at random places. */
export function split(stream: Buffer, places: number[]): Buffer[] {
  const cuts = [0, ...places.map((place) => place % (stream.length + 1)).sort((a, b) => a - b), stream.length]
  return cuts.slice(1).map((to, index) => stream.subarray(cuts[index], to))
}
