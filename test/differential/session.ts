import type { Script, SessionOptions } from './script.ts'

/** What a session does. It must do the same in every run, whatever the answers are. */
export type Play = (script: Script) => Promise<void>

export interface Session {
  /** `group: title`, which names the session everywhere. */
  readonly id: string
  readonly group: string
  readonly title: string
  readonly options: SessionOptions
  readonly play: Play
}

/** Adds a session to its group. */
export type AddSession = (title: string, play: Play, options?: SessionOptions) => void

/** A group of sessions about one noun. */
export interface SessionGroup {
  readonly name: string
  readonly sessions: readonly Session[]
}

/**
 * Collects the sessions that `define` adds.
 * @throws Error when two have the same title.
 */
export function group(name: string, define: (session: AddSession) => void): SessionGroup {
  const sessions = new Map<string, Session>()
  define((title, play, options = {}) => {
    const id = `${name}: ${title}`
    if (sessions.has(id)) throw new Error(`two sessions are called ${id}`)
    sessions.set(id, { id, group: name, title, options, play })
  })
  return { name, sessions: [...sessions.values()] }
}
