import { fitsTopicBody } from '../packet/topic-body.ts'

export interface TopicList {
  readonly topics: Set<string>
  /** How many were left out because no frame could carry them. */
  readonly unfit: number
  /** How many were left out because they are too many. */
  readonly tooMany: number
}

/** @returns undefined for what is no array of strings. */
export function readTopicList(json: unknown, max: number): TopicList | undefined {
  if (!Array.isArray(json) || !json.every((topic) => typeof topic === 'string')) return undefined
  const all = new Set<string>(json)
  const topics = new Set<string>()
  let unfit = 0
  for (const topic of all) {
    if (!fitsTopicBody(topic)) unfit++
    else if (topics.size < max) topics.add(topic)
  }
  return { topics, unfit, tooMany: all.size - unfit - topics.size }
}
