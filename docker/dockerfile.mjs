/**
 * Reads a Dockerfile as far as ours goes: comments, line continuations, `FROM … AS`, shell and JSON forms.
 * @param {string} text
 * @returns {{ name: string | undefined, base: string, steps: { instruction: string, value: string, line: number }[] }[]} its stages
 */
export function parseDockerfile(text) {
  const stages = []
  for (const { line, value: whole } of logicalLines(text)) {
    const [, instruction, value] = /^([A-Za-z]+)\s+(.*)$/s.exec(whole) ?? []
    if (instruction === undefined) throw new Error(`line ${line} is no instruction: ${whole}`)
    if (instruction.toUpperCase() === 'FROM') {
      const [base, , name] = value.split(/\s+/)
      stages.push({ name, base, steps: [] })
    } else {
      const stage = stages.at(-1)
      if (stage === undefined) throw new Error(`line ${line} stands before the first FROM`)
      stage.steps.push({ instruction: instruction.toUpperCase(), value, line })
    }
  }
  return stages
}

/** Joins continued lines; comments may stand between them. */
function* logicalLines(text) {
  let value = ''
  let start = 0
  for (const [index, line] of text.split('\n').entries()) {
    if (/^\s*(#|$)/.test(line)) continue
    if (value === '') start = index + 1
    const continued = line.endsWith('\\')
    value += continued ? line.slice(0, -1) : line
    if (continued) continue
    yield { line: start, value: value.trim() }
    value = ''
  }
}

/** `--from=build a b ./` → its flags and its words. */
export function flagsAndWords(value) {
  const words = value.split(/\s+/)
  const flags = {}
  while (words[0]?.startsWith('--')) {
    const [name, flag = ''] = words.shift().slice(2).split('=')
    flags[name] = flag
  }
  return { flags, words }
}

/** `A=1 B="two words"` → pairs. */
export function environmentOf(value) {
  const pairs = [...value.matchAll(/([A-Za-z_][A-Za-z0-9_]*)=(?:"([^"]*)"|(\S*))/g)]
  return Object.fromEntries(pairs.map(([, name, quoted, plain]) => [name, quoted ?? plain]))
}

/** The words of an exec form, `["leveret", "start"]`. */
export function execForm(value) {
  const words = JSON.parse(value)
  if (!Array.isArray(words)) throw new Error(`no exec form: ${value}`)
  return words
}
