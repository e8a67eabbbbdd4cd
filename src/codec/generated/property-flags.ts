// Generated from spec/amqp-0-9-1.json by bin/generate-codec.ts; do not edit.
/** The bit of each property in the flags word; the list has their values from the highest bit down. */
export const PropertyFlag = {
  CONTENT_TYPE: 0x8000,
  CONTENT_ENCODING: 0x4000,
  HEADERS: 0x2000,
  DELIVERY_MODE: 0x1000,
  PRIORITY: 0x0800,
  CORRELATION_ID: 0x0400,
  REPLY_TO: 0x0200,
  EXPIRATION: 0x0100,
  MESSAGE_ID: 0x0080,
  TIMESTAMP: 0x0040,
  TYPE: 0x0020,
  USER_ID: 0x0010,
  APP_ID: 0x0008,
  CLUSTER_ID: 0x0004,
} as const

/** The same by the property's name in `Properties`. */
export const PROPERTY_FLAGS = {
  contentType: PropertyFlag.CONTENT_TYPE,
  contentEncoding: PropertyFlag.CONTENT_ENCODING,
  headers: PropertyFlag.HEADERS,
  deliveryMode: PropertyFlag.DELIVERY_MODE,
  priority: PropertyFlag.PRIORITY,
  correlationId: PropertyFlag.CORRELATION_ID,
  replyTo: PropertyFlag.REPLY_TO,
  expiration: PropertyFlag.EXPIRATION,
  messageId: PropertyFlag.MESSAGE_ID,
  timestamp: PropertyFlag.TIMESTAMP,
  type: PropertyFlag.TYPE,
  userId: PropertyFlag.USER_ID,
  appId: PropertyFlag.APP_ID,
  clusterId: PropertyFlag.CLUSTER_ID,
} as const

export const PROPERTIES_MASK = 0xfffc
export const SHORTSTR_PROPERTIES = 0xc7bc
export const TABLE_PROPERTIES = 0x2000
export const OCTET_PROPERTIES = 0x1800
export const TIMESTAMP_PROPERTIES = 0x0040
