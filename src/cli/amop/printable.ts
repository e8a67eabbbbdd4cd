import { isUtf8 } from 'node:buffer'

/** A body in one line of a terminal: text as it is, but for control characters; bytes that are no text in base64. */
export function printable(data: Buffer): string {
  if (!isUtf8(data)) return `base64:${data.toString('base64')}`
  return data.toString().replace(/\p{Cc}/gu, visible)
}

function visible(character: string): string {
  if (character === '\n') return '\\n'
  if (character === '\r') return '\\r'
  if (character === '\t') return '\\t'
  return `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`
}
