/** Sockets for AMOP. Loaded only when somebody asks for it: a broker without AMOP does not wait for that. */
export function loadAmopNet(): Promise<typeof import('./amop.ts')> {
  return import('./amop.ts')
}
