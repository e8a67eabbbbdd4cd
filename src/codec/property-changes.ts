import { encodeProperties, type Properties, PropertyView } from './generated/properties.ts'
import { PROPERTIES_MASK, PROPERTY_FLAGS } from './generated/property-flags.ts'
import { copyBytes, writeUint16 } from './wire.ts'

/** What to do with a message's properties: a value sets one, null removes it, absent leaves it. */
export type PropertyChanges = { [Name in keyof Properties]?: Required<Properties>[Name] | null }

/**
 * A new flags word and list with some properties set or removed and the bytes of all others as they came.
 * @param at offset of the flags word.
 * @param length bytes of flags word and list; what follows the last property is dropped, bits 0 and 1 are cleared.
 * @throws CodecError 501 when the list is shorter than its flags say; RangeError as `encodeProperties`.
 */
export function replaceProperties(buffer: Buffer, at: number, length: number, changes: PropertyChanges): Buffer {
  let changed = 0
  const added: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(changes)) {
    if (value === undefined) continue
    changed |= PROPERTY_FLAGS[name as keyof Properties]
    if (value !== null) added[name] = value
  }
  const values = encodeProperties(added as Properties)
  const news = new PropertyView().attach(values, 0, values.length)
  const olds = new PropertyView().attach(buffer, at, length)
  // At most all of both.
  const target = Buffer.allocUnsafe(2 + values.length + length)
  const flags = (olds.flags & ~changed & PROPERTIES_MASK) | news.flags
  writeUint16(target, 0, flags)
  let end = 2
  for (let flag = 0x8000; flag !== 0; flag >>>= 1) {
    if ((flags & flag) === 0) continue
    const source = news.has(flag) ? news : olds
    const from = source.find(flag)
    const to = source.endOf(flag, from)
    copyBytes(source.buffer, from, to, target, end)
    end += to - from
  }
  return target.subarray(0, end)
}
