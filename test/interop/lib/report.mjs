export function tail(text, lines) {
  const all = text.trimEnd().split('\n')
  return all
    .slice(-lines)
    .map((line) => `  | ${line.slice(0, 400)}`)
    .join('\n')
}

export function oneLine(text) {
  return text.trim().split('\n').at(-1).trim().slice(0, 200)
}
