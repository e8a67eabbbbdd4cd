import type { Message } from '../broker/index.ts'
import { findHeader, PropertyFlag, PropertyView, textOf } from '../codec/index.ts'

/** An array of texts: the queues that have delivered a message to topics, oldest first. */
export const PATH_HEADER = 'x-amop-path'

const HEADER = Buffer.from(PATH_HEADER)
const NO_PATH: readonly string[] = []

/** The queues through which a message has come by way of topics; a client's own is believed. */
export function pathOf(message: Message): readonly string[] {
  if ((message.propertyFlags & PropertyFlag.HEADERS) === 0) return NO_PATH
  const view = message.properties(new PropertyView())
  if (findHeader(message.buffer, view.find(PropertyFlag.HEADERS), HEADER) < 0) return NO_PATH
  const path = view.headers?.get(PATH_HEADER)
  return path?.type === 'A' ? path.value.flatMap((queue) => textOf(queue) ?? []) : NO_PATH
}
