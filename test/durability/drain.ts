import { BASIC_CONSUME_OK, encodeBasicConsume, encodeQueueDeclare, QUEUE_DECLARE_OK } from '../../src/codec/index.ts'
import type { Client } from './client.ts'
import type { Found } from './logged.ts'

/** Reads a queue to its end and leaves everything in it; whoever consumes next finds it flagged redelivered. */
export async function readQueue(client: Client, queue: string, idOf: (body: Buffer) => string): Promise<Found[]> {
  const channel = await client.openChannel()
  const found: Found[] = []
  channel.onMessage = ({ body, redelivered }) => found.push({ id: idOf(body), redelivered })
  await channel.call(encodeBasicConsume(channel.id, { queue }), BASIC_CONSUME_OK)
  for (;;) {
    const declare = encodeQueueDeclare(channel.id, { queue, passive: true })
    const { fields } = await channel.call(declare, QUEUE_DECLARE_OK)
    // Whatever the count leaves out has come before the answer.
    if (fields.messageCount === 0) return found
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
