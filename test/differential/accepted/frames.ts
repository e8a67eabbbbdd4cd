import type { AcceptedDifference } from '../compare.ts'
import { byLine, channelClose, connectionClose, explained, instead, insteadOfRest } from './rewrite.ts'

const SAYS_WHY = 'RabbitMQ ends the socket without a word; Leveret says why in a connection.close first.'
const NO_ACCIDENT = 'RabbitMQ stumbles into 541 INTERNAL_ERROR; Leveret says what cannot be read.'
const NOT_OPEN = 'A channel that is not open has no queue declared last: 504 as for every other method.'
const AT_ONCE = 'RabbitMQ waits for the content that would follow before it looks; Leveret answers at once.'
const CONTENT_SIZE = 'As 4.3 answers (wire facts, section 2): contents are held to their announced and greatest size.'

const ends = 'a < socket ends'
const internalError = connectionClose(541, 'INTERNAL_ERROR')
const frameError = (text: string, classId = 0, methodId = 0) =>
  connectionClose(501, `FRAME_ERROR - ${text}`, classId, methodId)
const unknown = (classId: number, methodId: number) =>
  connectionClose(503, `COMMAND_INVALID - unknown method {${classId},${methodId}}`, classId, methodId)
const unimplemented = (classId: number, methodId: number) =>
  connectionClose(503, 'COMMAND_INVALID - unimplemented method', classId, methodId)
const notOpen = (classId: number, methodId: number) =>
  connectionClose(504, "CHANNEL_ERROR - expected 'channel.open'", classId, methodId)

const METHODS_OF_QUEUES: Record<string, [classId: number, methodId: number]> = {
  'queue.bind': [50, 20],
  'queue.purge': [50, 30],
  'queue.delete': [50, 40],
  'queue.unbind': [50, 50],
  'basic.consume': [60, 20],
  'basic.get': [60, 70],
}

const METHODS_WITH_CONTENT: Record<string, number> = { 'basic.return': 50, 'basic.deliver': 60, 'basic.get-ok': 71 }

/** Frames and contents that are out of order or cannot be read. */
export const FRAMES: readonly AcceptedDifference[] = [
  explained(SAYS_WHY, 'frame: an unknown class', unknown(99, 10)),
  explained(SAYS_WHY, 'frame: an unknown class on channel 0', unknown(99, 10)),
  explained(SAYS_WHY, 'frame: an unknown method', unknown(50, 99)),
  explained(SAYS_WHY, 'frame: an unknown tag in an argument table', frameError('cannot decode table')),
  explained(SAYS_WHY, 'frame: an argument whose string is longer than its table', frameError('cannot decode table')),
  byLine(
    'Erlang breaks long terms into lines; Leveret does not.',
    ['frame: an end octet of 0 behind a long method', 'publish: an expiration of "99999999999999999999"'],
    (line) => line.replace(/,\\n +/, ','),
  ),
  instead(NO_ACCIDENT, 'frame: connection.close without arguments', [
    internalError,
    frameError('cannot decode <<>>', 10, 50),
  ]),
  instead(NO_ACCIDENT, 'content: a header without flags', [internalError, frameError('cannot decode content header')]),
  ...['flags without their properties', 'bytes behind the properties', 'a headers table longer than the frame'].map(
    (title) => instead(NO_ACCIDENT, `content: ${title}`, [internalError, frameError('cannot decode properties')]),
  ),
  ...['a headers table with an unknown tag', 'a headers table that ends inside a value'].map((title) =>
    instead(NO_ACCIDENT, `content: ${title}`, [internalError, frameError('cannot decode headers')]),
  ),
  ...Object.entries(METHODS_OF_QUEUES).map(
    ([name, [classId, methodId]]): AcceptedDifference => ({
      reason: NOT_OPEN,
      sessions: [`frame: ${name} on a channel that is not open`],
      rewrite: ([sent = '', answer = '']) =>
        answer.includes('no previously declared queue') ? [sent, notOpen(classId, methodId), ends] : [sent, answer],
    }),
  ),
  {
    reason: AT_ONCE,
    sessions: ['frame: basic.publish on a channel that is not open'],
    rewrite: (lines) => [...lines, notOpen(60, 40), ends],
  },
  ...Object.entries(METHODS_WITH_CONTENT).map(
    ([name, methodId]): AcceptedDifference => ({
      reason: AT_ONCE,
      sessions: [`frame: ${name} from a client`],
      rewrite: (lines) => [...lines, unimplemented(60, methodId), ends],
    }),
  ),
  insteadOfRest(
    CONTENT_SIZE,
    'content: a body longer than announced',
    'a1 > basic.get queue="q" noAck',
    frameError('content body frame exceeds remaining content size'),
    ends,
  ),
  ...Object.entries({ '600 MiB': '629145600', '2^62': '4611686018427388000' }).map(([size, bytes]) =>
    insteadOfRest(
      CONTENT_SIZE,
      `content: an announced size of ${size}`,
      'a1 > basic.get queue="q" noAck',
      frameError(`content body size ${bytes} exceeds maximum allowed size 536870912`),
      ends,
    ),
  ),
  ...[0, 3].map((mode) =>
    instead(
      'As in 4.x every delivery mode but 2 is transient (wire facts, section 6).',
      `content: a delivery mode of ${mode}`,
      [
        channelClose(406, `PRECONDITION_FAILED - invalid message: {delivery_mode_unknown,${mode}}`, 60, 40),
        'a1 > basic.get queue="q" noAck',
        `a1 < basic.get-ok deliveryTag=1 exchange="" routingKey="q" messageCount=0 (delivery-mode=${mode}) ""`,
      ],
    ),
  ),
  instead(
    'A client may answer a cancel notification, which needs no answer (wire facts, section 7).',
    'channel: cancel-ok out of nowhere',
    [unimplemented(60, 31)],
    [ends],
    [
      'a1 > queue.declare queue="q" exclusive',
      'a1 > queue.declare queue="q" exclusive',
      'a1 < queue.declare-ok queue="q" messageCount=0 consumerCount=0',
    ],
  ),
]
