import { Script, type Timing } from './script.ts'
import type { Session } from './session.ts'

/** The lines of each session, by its id. */
export type Answers = Map<string, readonly string[]>

export interface PlayOptions extends Timing {
  /** How many sessions play at a time. */
  readonly together: number
}

/** Plays the sessions against the broker on that port of the loopback interface. */
export async function playSessions(sessions: readonly Session[], port: number, options: PlayOptions): Promise<Answers> {
  const answers: Answers = new Map()
  const waiting = [...sessions]
  const work = async () => {
    for (let session = waiting.shift(); session; session = waiting.shift()) {
      answers.set(session.id, await playSession(session, port, options))
    }
  }
  await Promise.all(Array.from({ length: options.together }, work))
  return answers
}

async function playSession(session: Session, port: number, timing: Timing): Promise<readonly string[]> {
  const script = new Script(port, timing, session.id, session.options)
  try {
    await session.play(script)
    return await script.finish()
  } catch (error) {
    script.note(`! ${error instanceof Error ? error.message : error}`)
    return await script.finish()
  } finally {
    await script.clean()
  }
}
