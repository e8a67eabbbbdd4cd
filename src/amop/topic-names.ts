/** Topics of this form are announced by every SDK and are never delivered to: go-sdk dies of it. */
const BLOCK_NOTICE = '_block_notify_'

// A private topic T has three names; U is 32 hex digits, made by the SDK:
const VERIFIED = '#!$TopicNeedVerify_' // + T: what messages are sent to
const CHALLENGE = '#!$VerifyChannel_' // + the above + '_' + U: how one subscriber is reached for its challenge
const PUBLISHER = '#!$PushChannel_' // + the first: how a publisher is found

const CHALLENGE_TAIL = /_[0-9a-fA-F]{32}$/

export function isBlockNotice(topic: string): boolean {
  return topic.startsWith(BLOCK_NOTICE)
}

/** True for topics that mean something to the SDKs themselves: private ones under any name, and block notices. */
export function isReservedTopic(topic: string): boolean {
  return topic.startsWith('#!$') || isBlockNotice(topic)
}

/** True for the name that a private topic's messages are sent to. */
export function isPrivateTopic(topic: string): boolean {
  return topic.startsWith(VERIFIED)
}

/** What the messages of a private topic are sent to. */
export function privateTopicOf(name: string): string {
  return VERIFIED + name
}

/** How one subscriber of a private topic is reached for its challenge. @param uuid 32 hex digits. */
export function challengeTopicOf(privateTopic: string, uuid: string): string {
  return `${CHALLENGE}${privateTopic}_${uuid}`
}

/** How a publisher of a private topic is found. */
export function publisherTopicOf(privateTopic: string): string {
  return PUBLISHER + privateTopic
}

/** True when it is a name under which a subscriber of that private topic is challenged. */
export function isChallengeTopic(topic: string, privateTopic: string): boolean {
  return topic.startsWith(`${CHALLENGE}${privateTopic}_`)
}

/** The private topic that a session with this name publishes to. */
export function publishedPrivateTopic(topic: string): string | undefined {
  return topic.startsWith(PUBLISHER + VERIFIED) ? topic.slice(PUBLISHER.length) : undefined
}

/** The name among those of one subscriber by which it is challenged for a private topic. */
export function findChallengeTopic(topics: Iterable<string>, privateTopic: string): string | undefined {
  const prefix = CHALLENGE + privateTopic
  let other: string | undefined
  for (const topic of topics) {
    if (!topic.startsWith(prefix)) continue
    // The name of another private topic may begin with this one's.
    if (CHALLENGE_TAIL.test(topic) && topic.length === prefix.length + 33) return topic
    other ??= topic
  }
  return other
}

/** The topic as the application calls it, and whether its name says that its bearer publishes. */
export interface ApplicationTopic {
  readonly name: string
  /** True for the name by which a publisher of a private topic is found. */
  readonly publisher: boolean
}

/** Permissions are about the application's topic, whatever names a private one has on the wire. */
export function applicationTopic(topic: string): ApplicationTopic {
  if (!topic.startsWith('#!$')) return { name: topic, publisher: false }
  const publisher = topic.startsWith(PUBLISHER + VERIFIED)
  let name = topic
  if (publisher) name = topic.slice(PUBLISHER.length)
  else if (topic.startsWith(CHALLENGE + VERIFIED)) name = topic.slice(CHALLENGE.length).replace(CHALLENGE_TAIL, '')
  return { name: name.startsWith(VERIFIED) ? name.slice(VERIFIED.length) : name, publisher }
}
