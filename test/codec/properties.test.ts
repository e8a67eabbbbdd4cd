import test from 'ava'
import fc from 'fast-check'
import {
  CodecError,
  encodeProperties,
  encodeTable,
  findHeader,
  fromObject,
  longstr,
  PROPERTY_FLAGS,
  type Properties,
  type PropertyChanges,
  PropertyFlag,
  PropertyView,
  replaceProperties,
  Table,
  textOf,
} from '../../src/codec/index.ts'
import { PROPERTY_NAMES, properties } from './arbitraries.ts'
import { same } from './same.ts'

test('a view gives each property, and says which are absent', (t) => {
  const full: Required<Properties> = {
    contentType: 'text/plain',
    contentEncoding: 'gzip',
    headers: fromObject({ a: 1 }),
    deliveryMode: 2,
    priority: 9,
    correlationId: 'c',
    replyTo: 'r',
    expiration: '60000',
    messageId: 'm',
    timestamp: 1_700_000_000,
    type: 't',
    userId: 'u',
    appId: 'a',
    clusterId: 'k',
  }
  const all = view(encodeProperties(full))
  const none = view(encodeProperties({}))
  t.is(all.flags, 0xfffc)
  t.is(none.flags, 0)
  for (const name of PROPERTY_NAMES) {
    t.deepEqual(all[name], full[name], name)
    t.true(all.has(PROPERTY_FLAGS[name]))
    t.is(none[name], name === 'deliveryMode' || name === 'priority' ? -1 : undefined)
    t.false(none.has(PROPERTY_FLAGS[name]))
    t.is(none.find(PROPERTY_FLAGS[name]), -1)
  }
  t.deepEqual(none.toObject(), {})
  t.true(none.valid())
})

test('a view of any subset finds each value where it is', (t) => {
  const property = fc.property(properties, fc.nat(9), (values, at) => {
    const list = encodeProperties(values)
    const buffer = Buffer.concat([Buffer.alloc(at), list, Buffer.alloc(9)])
    const lazy = new PropertyView().attach(buffer, at, list.length)
    for (const name of PROPERTY_NAMES) {
      const value = values[name]
      const absent = name === 'deliveryMode' || name === 'priority' ? -1 : undefined
      same(lazy[name], value ?? absent)
      if (value === undefined) continue
      // Alone, the property begins behind the flags word.
      const alone = encodeProperties({ [name]: value })
      const found = lazy.find(PROPERTY_FLAGS[name])
      same(buffer.subarray(found, lazy.endOf(PROPERTY_FLAGS[name], found)), alone.subarray(2))
    }
  })
  t.notThrows(() => fc.assert(property, { numRuns: 500 }))
})

test('one view can be attached to one message after the other', (t) => {
  const reused = new PropertyView()
  t.is(reused.attach(encodeProperties({ priority: 3 }), 0, 3).priority, 3)
  t.is(reused.attach(encodeProperties({ deliveryMode: 2 }), 0, 3).priority, -1)
  t.is(reused.deliveryMode, 2)
})

test('a list that is too short or too long is not valid, and reading beyond it throws 501', (t) => {
  const list = encodeProperties({ contentType: 'text/plain', priority: 5, timestamp: 1 })
  for (let length = 0; length < list.length; length++) {
    const cut = new PropertyView().attach(list, 0, length)
    t.is(cut.valid(), false, `${length}`)
    if (length < 2) continue
    const error = t.throws(() => cut.timestamp, { instanceOf: CodecError })
    t.is(error?.code, 501)
    t.is(error?.message, 'FRAME_ERROR - cannot decode properties')
  }
  t.true(view(list).valid())
  t.false(view(Buffer.concat([list, Buffer.alloc(1)])).valid())
  // Nor is a list that would reach past its buffer.
  const beyond = new PropertyView().attach(encodeProperties({ priority: 5 }).subarray(0, 2), 0, 3)
  t.false(beyond.valid())
  t.throws(() => beyond.priority, { instanceOf: CodecError })
  // What comes before the end is still there.
  t.is(new PropertyView().attach(list, 0, list.length - 1).priority, 5)
})

test('the continuation bit without a second flags word is tolerated, as RabbitMQ does', (t) => {
  const list = encodeProperties({ priority: 5, appId: 'x' })
  list.writeUInt16BE(list.readUInt16BE(0) | 3, 0)
  t.true(view(list).valid())
  t.deepEqual(view(list).toObject(), { priority: 5, appId: 'x' })
  t.true(view(Buffer.of(0, 1)).valid())
})

test('strings of properties keep bytes that are not UTF-8', (t) => {
  const list = Buffer.from([0x80, 0, 4, 0x61, 0xff, 0xc3, 0x28])
  const { contentType } = view(list)
  t.is(contentType, 'a\udcff\udcc3(')
  t.deepEqual(encodeProperties({ contentType: contentType as string }), list)
})

test('strings above 255 bytes cannot be written', (t) => {
  t.throws(() => encodeProperties({ appId: 'x'.repeat(256) }), { instanceOf: RangeError })
  t.is(encodeProperties({ appId: 'x'.repeat(255) }).length, 258)
})

test('replacing gives what encoding the changed properties would give', (t) => {
  const changes = fc.record(
    Object.fromEntries(PROPERTY_NAMES.map((name) => [name, fc.constantFrom('keep', 'set', 'remove')])),
    { requiredKeys: [] },
  )
  const property = fc.property(properties, properties, changes, fc.nat(9), (olds, news, plan, at) => {
    const list = encodeProperties(olds)
    const buffer = Buffer.concat([Buffer.alloc(at, 0xff), list, Buffer.alloc(9, 0xff)])
    const wanted: Properties = { ...olds }
    const change: PropertyChanges = {}
    for (const [name, what] of Object.entries(plan) as [keyof Properties, string][]) {
      if (what === 'remove') {
        Object.assign(change, { [name]: null })
        delete wanted[name]
      } else if (what === 'set' && news[name] !== undefined) {
        Object.assign(change, { [name]: news[name] })
        Object.assign(wanted, { [name]: news[name] })
      }
    }
    const replaced = replaceProperties(buffer, at, list.length, change)
    same(replaced, encodeProperties(wanted))
    same(view(replaced).toObject(), wanted)
    same(view(replaced).valid(), true)
  })
  t.notThrows(() => fc.assert(property, { numRuns: 1000 }))
})

test('replacing keeps the bytes of what it does not touch, even those no encoder would write', (t) => {
  // A header of type L, a boolean of 2, and a content type that is not UTF-8.
  const headers = Buffer.from('\0\0\0\x0e\x01aL\0\0\0\0\0\0\0\x05\x01bt\x02'.slice(0, 19), 'latin1')
  headers.writeUInt32BE(headers.length - 4, 0)
  const list = Buffer.concat([Buffer.from([0xb8, 0x01, 1, 0xff]), headers, Buffer.from([2, 7])])
  const replaced = replaceProperties(list, 0, list.length, { priority: null, appId: 'me' })
  const expected = Buffer.concat([Buffer.from([0xb0, 0x08, 1, 0xff]), headers, Buffer.from([2]), Buffer.from('\x02me')])
  t.deepEqual(replaced, expected)
})

test('replacing in a list that is too short throws 501, and drops what follows a list', (t) => {
  const list = encodeProperties({ contentType: 'text/plain', priority: 5 })
  t.throws(() => replaceProperties(list, 0, list.length - 1, { appId: 'x' }), { instanceOf: CodecError })
  const longer = Buffer.concat([list, Buffer.alloc(4)])
  t.deepEqual(replaceProperties(longer, 0, longer.length, {}), list)
})

test('a header can be read from the headers property without decoding the others', (t) => {
  const headers = new Table([
    ['x-match', longstr('any')],
    ['n', longstr('value')],
  ])
  const list = encodeProperties({ contentType: 'x', headers, priority: 1 })
  const at = view(list).find(PropertyFlag.HEADERS)
  t.deepEqual(list.subarray(at, at + encodeTable(headers).length), encodeTable(headers))
  const tagAt = findHeader(list, at, Buffer.from('n'))
  t.is(String.fromCharCode(list[tagAt] as number), 'S')
  t.is(list.toString('utf8', tagAt + 5, tagAt + 10), 'value')
  t.is(findHeader(list, at, Buffer.from('m')), -1)
  t.is(textOf(view(list).headers?.get('n')), 'value')
})

function view(list: Buffer): PropertyView {
  return new PropertyView().attach(list, 0, list.length)
}
