/** What joins AMOP and AMQP. Loaded only by a broker: a client of AMOP does without, and so without the broker's rooms. */
export function loadJunction(): Promise<typeof import('./junction.ts')> {
  return import('./junction.ts')
}
