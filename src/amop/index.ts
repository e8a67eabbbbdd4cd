export type { Bridge, BridgeOptions } from './bridge/bridge.ts'
export { AmopError, HANDLER_FAILED } from './client/amop-error.ts'
export type { CallOptions } from './client/calls.ts'
export { Client, type ClientEvents, type ClientOptions, type NodeState } from './client/client.ts'
export type { ConnectionEvents, Dial, NodeAddress } from './client/dial.ts'
export { CLIENT_TYPE } from './client/greeting.ts'
export { type AmopKey, type AmopKeyPair, generateKeyPair } from './client/keys.ts'
export { type ClientSettings, DEFAULT_CLIENT_SETTINGS } from './client/settings.ts'
export type { AmopHandler, AmopMessage, AmopReply } from './client/subscribers.ts'
export { AmopContext, type AmopOptions } from './context.ts'
export { loadJunction } from './load.ts'
export { FrameError, FrameReader } from './packet/frame-reader.ts'
export { FRAME_BYTES_MAX, HEADER_BYTES, Packet, PacketType } from './packet/packet.ts'
export { ResultCode } from './packet/result-code.ts'
export { encodeTopicBody, findTopic, fitsTopicBody, TOPIC_BYTES_MAX, type TopicPlace } from './packet/topic-body.ts'
export { FULL_ACCESS, type Party, type TopicAccess, TopicPermissions } from './permissions/permissions.ts'
export {
  type AmopPermissions,
  type Grants,
  PermissionFileError,
  type PermissionRules,
  parsePermissions,
  type Rule,
  type RuleWho,
  readPermissions,
} from './permissions/rules.ts'
export { type PrivateSession, PrivateTopics } from './private-topics.ts'
export type { Listener, ListenerRole } from './router/listener.ts'
export { Message } from './router/message.ts'
export type { Publisher } from './router/publisher.ts'
export { Router, type RouterOptions } from './router/router.ts'
export { TopicTable, type TopicWatcher } from './router/topic-table.ts'
export { Unicast } from './router/unicast.ts'
export { Seqs } from './seqs.ts'
export { SdkSession } from './session/session.ts'
export { type AmopSettings, type Choice, DEFAULT_AMOP_SETTINGS } from './settings.ts'
export { isBlockNotice, isPrivateTopic, isReservedTopic } from './topic-names.ts'
export { type AmopPeer, type AmopTransport, type Certificate, FRAME_COST_BYTES, inOneLine } from './transport.ts'
