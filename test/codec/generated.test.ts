import { readdirSync, readFileSync } from 'node:fs'
import test from 'ava'
import { generateCodec } from '../../bin/generator/generate.ts'
import { camel, upper } from '../../bin/generator/spec.ts'
import * as codec from '../../src/codec/index.ts'
import { FIELD_TAGS, methods, spec } from './arbitraries.ts'

test('the generator writes exactly the committed files', (t) => {
  const generated = generateCodec(spec)
  for (const { name, text } of generated) t.is(readFileSync(`src/codec/generated/${name}`, 'utf8'), text, name)
  t.deepEqual(readdirSync('src/codec/generated').sort(), generated.map(({ name }) => name).sort())
})

test('all 66 methods are there with the ids, replies and senders of the description', (t) => {
  t.is(methods.length, 66)
  t.is(codec.METHODS.size, 66)
  t.is(codec.createDecoders().size, 66)
  for (const klass of spec.classes) {
    for (const method of klass.methods) {
      const id = (klass.id << 16) | method.id
      t.is((codec as unknown as Record<string, unknown>)[upper(`${klass.name}-${method.name}`)], id)
      const replies = method.replies.map((reply) =>
        codec.METHODS.get(id)?.replies.find((found) => nameOf(found) === reply),
      )
      t.false(replies.includes(undefined))
      t.like(codec.METHODS.get(id), {
        name: `${klass.name}.${method.name}`,
        classId: klass.id,
        methodId: method.id,
        hasContent: method.content,
        sentBy: method.sentBy,
      })
      const decoder = codec.createDecoders().get(id)
      const fields = method.args.map(({ name, type }) =>
        ['shortstr', 'longstr', 'table'].includes(type) ? `${camel(name)}At` : camel(name),
      )
      t.deepEqual(Object.keys(decoder as object), ['buffer', ...fields])
    }
  }
})

function nameOf(id: number): string | undefined {
  return codec.METHODS.get(id)?.name.split('.')[1]
}

test('each set of decoders is its own', (t) => {
  const ours = codec.createDecoders().get(codec.BASIC_ACK)
  t.true(ours instanceof codec.BasicAck)
  t.not(ours, codec.createDecoders().get(codec.BASIC_ACK))
})

test('reply codes have the names and the reach of the description', (t) => {
  const codes = spec.constants.filter(({ name }) => !name.startsWith('frame-') || name === 'frame-error')
  t.is(Object.keys(codec.ReplyCode).length, 19)
  for (const { name, value, error } of codes) {
    t.is(codec.replyName(value), upper(name))
    t.is(codec.isHardError(value), error === 'hard', name)
  }
  t.is(codec.replyName(0), 'UNKNOWN')
  t.false(codec.isHardError(0))
})

test('constants are those everybody knows', (t) => {
  t.deepEqual(codec.FrameType, { METHOD: 1, HEADER: 2, BODY: 3, HEARTBEAT: 8 })
  t.is(codec.FRAME_END, 206)
  t.is(codec.FRAME_MIN_SIZE, 4096)
  t.is(codec.PROTOCOL_HEADER.toString('latin1'), 'AMQP\0\0\x09\x01')
  t.is(codec.ClassId.CONFIRM, 85)
  t.is(codec.BASIC_PUBLISH, 0x003c0028)
  t.is(codec.EXCHANGE_UNBIND_OK & 0xffff, 51)
})

test('the description has 18 field types and the reader knows them all, and no others', (t) => {
  t.is(FIELD_TAGS.length, 18)
  for (let tag = 0; tag < 256; tag++) {
    const value = Buffer.alloc(16)
    value[0] = tag
    t.is(codec.fieldEnd(value, 0, 16) > 0, FIELD_TAGS.includes(String.fromCharCode(tag)), String.fromCharCode(tag))
  }
  for (const { tag, size } of spec.fieldValueTypes) {
    const value = Buffer.alloc(16)
    value.write(tag, 'latin1')
    t.is(codec.fieldEnd(value, 0, 16), 1 + (typeof size === 'number' ? size : 4), tag)
  }
})

test('the bits of the properties are those of the description', (t) => {
  const properties = spec.classes.flatMap((klass) => klass.properties ?? [])
  t.is(properties.length, 14)
  t.deepEqual(
    { ...codec.PropertyFlag } as Record<string, number>,
    Object.fromEntries(properties.map(({ name, flagMask }) => [upper(name), flagMask])),
  )
})
