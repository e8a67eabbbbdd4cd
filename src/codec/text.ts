/*
 * Strings on the wire are bytes that should be UTF-8 and sometimes are not. A byte that is not part of valid UTF-8
 * becomes the lone surrogate U+DC00 + byte (0x80..0xff), which no valid text contains, and is written back as that byte.
 * So every header name and every property survives decode and encode, and valid text is just text.
 */
import { isUtf8 } from 'node:buffer'

const ESCAPED = /[\udc80-\udcff]/u
const RUNS = /[\udc80-\udcff]+|[^\udc80-\udcff]+/gu

/** The text of bytes `from` to `to` (exclusive); never fails, see above for bytes that are not UTF-8. */
export function readText(buffer: Buffer, from: number, to: number): string {
  const text = buffer.toString('utf8', from, to)
  // U+FFFD stands for what could not be decoded, or for itself.
  if (!text.includes('\ufffd')) return text
  const bytes = buffer.subarray(from, to)
  return isUtf8(bytes) ? text : escapeText(bytes)
}

function escapeText(bytes: Buffer): string {
  let text = ''
  let at = 0
  while (at < bytes.length) {
    const lead = bytes[at] as number
    const sequence = bytes.subarray(at, at + (lead < 0xc0 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4))
    if (isUtf8(sequence)) {
      text += sequence.toString('utf8')
      at += sequence.length
    } else {
      text += String.fromCharCode(0xdc00 + lead)
      at++
    }
  }
  return text
}

/** How many bytes `writeText` will write. */
export function textBytes(text: string): number {
  if (isShortAscii(text)) return text.length
  if (!ESCAPED.test(text)) return Buffer.byteLength(text)
  let bytes = 0
  for (const [run] of text.matchAll(RUNS)) bytes += ESCAPED.test(run) ? run.length : Buffer.byteLength(run)
  return bytes
}

/** Writes the text and returns the offset behind it. The buffer must have room for `textBytes(text)`. */
export function writeText(buffer: Buffer, at: number, text: string): number {
  if (isShortAscii(text)) {
    for (let i = 0; i < text.length; i++) buffer[at + i] = text.charCodeAt(i)
    return at + text.length
  }
  if (!ESCAPED.test(text)) return at + buffer.write(text, at)
  for (const [run] of text.matchAll(RUNS)) at += buffer.write(run, at, ESCAPED.test(run) ? 'latin1' : 'utf8')
  return at
}

// Names and keys are like this nearly always, and two loops over them take half the time of the calls into Buffer.
function isShortAscii(text: string): boolean {
  if (text.length > 64) return false
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0x7f) return false
  return true
}
