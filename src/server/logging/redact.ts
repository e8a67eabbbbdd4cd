const SECRET_NAME = /pass(word|wd|phrase)?$|secret|token|authorization|credential|private.?key/i
// scheme://user:password@host
const URL_PASSWORD = /(\b[a-z][a-z0-9+.-]*:\/\/[^\s:/@]*):[^\s/@]+@/gi
const MASK = '***'

/** A value as it may stand in a log: nothing under a secret's name, no password in a URL. */
export function redact(name: string, value: unknown): unknown {
  if (SECRET_NAME.test(name)) return MASK
  return typeof value === 'string' ? redactText(value) : value
}

export function redactText(text: string): string {
  return text.includes('://') ? text.replace(URL_PASSWORD, `$1:${MASK}@`) : text
}
