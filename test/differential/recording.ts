/*
 * The oracle's answers, one text file a group, so that a change of an answer is a readable diff:
 *
 *   == title of a session
 *   a1 > what the client said on channel 1 of connection a
 *   a1 < what the broker answered
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Answers } from './play.ts'
import type { SessionGroup } from './session.ts'

const HEAD = '# What RabbitMQ 3.10.8 answered. Written by run.js --record; do not edit.'

// Compiled tests run from dist/test/differential, the recording stays beside the sources.
const FOLDER = join(import.meta.dirname, '../../../test/differential/recorded')

/** Reads the recorded answers of all groups. */
export function readRecording(): Answers {
  const answers: Answers = new Map()
  for (const file of readdirSync(FOLDER).filter((name) => name.endsWith('.txt'))) {
    const group = file.slice(0, -'.txt'.length)
    for (const [title, lines] of parse(readFileSync(join(FOLDER, file), 'utf8'))) {
      answers.set(`${group}: ${title}`, lines)
    }
  }
  return answers
}

/** Replaces the whole recording. */
export function writeRecording(groups: readonly SessionGroup[], answers: Answers): void {
  rmSync(FOLDER, { recursive: true, force: true })
  mkdirSync(FOLDER, { recursive: true })
  for (const group of groups) {
    const texts = group.sessions.map(({ id, title }) => [`== ${title}`, ...(answers.get(id) ?? [])].join('\n'))
    writeFileSync(join(FOLDER, `${group.name}.txt`), `${[HEAD, ...texts].join('\n\n')}\n`)
  }
}

function parse(text: string): Map<string, string[]> {
  const sessions = new Map<string, string[]>()
  let lines: string[] = []
  for (const line of text.split('\n')) {
    if (line === '' || line.startsWith('#')) continue
    if (line.startsWith('== ')) {
      lines = []
      sessions.set(line.slice(3), lines)
    } else lines.push(line)
  }
  return sessions
}
