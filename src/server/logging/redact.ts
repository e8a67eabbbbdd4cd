const SECRET_NAME = /pass(word|wd|phrase)?$|secret|token|authorization|credential|private.?key/i
// scheme://user:password@host. It starts at the colon: from a scheme of any length, a text of many words would be
// searched once for each of them, and peers choose some of what is logged.
const URL_PASSWORD = /(?<=:\/\/[^\s:/@]{0,255}):[^\s/@]+@/g
const MASK = '***'

/** What a peer may add to a log with one value; a user name alone may have 128 KiB. */
const TEXT_LENGTH_MAX = 4096

/** A value as it may stand in a log: nothing under a secret's name, no password in a URL. */
export function redact(name: string, value: unknown): unknown {
  if (SECRET_NAME.test(name)) return MASK
  return typeof value === 'string' ? redactText(value) : value
}

export function redactText(text: string): string {
  const clean = text.includes('://') ? text.replace(URL_PASSWORD, `:${MASK}@`) : text
  return clean.length <= TEXT_LENGTH_MAX ? clean : `${clean.slice(0, TEXT_LENGTH_MAX)}… (${clean.length} characters)`
}
