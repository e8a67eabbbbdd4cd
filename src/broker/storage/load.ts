/** What a broker with a data directory needs beyond one in memory. Loaded only when there is one. */
export function loadDurability(): Promise<typeof import('./durability.ts')> {
  return import('./durability.ts')
}
