/** What reads the messages of a data directory that no broker uses. Loaded only when somebody looks into one. */
export function loadInspection(): Promise<typeof import('./stored-messages.ts')> {
  return import('./stored-messages.ts')
}
