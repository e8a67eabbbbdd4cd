import type { AcceptedDifference } from '../compare.ts'
import { channelClose, connectionClose, instead, insteadOfRest } from './rewrite.ts'

const UNKNOWN_TYPE = 'An unknown exchange type closes the channel, as in 4.0 (semantics, section 0).'
const BUILT_IN = 'A plugin’s exchange type in RabbitMQ, built into Leveret (semantics, section 2.3).'
const LOCATOR = 'Accepted on classic queues, as in 4.0 (semantics, section 1.1).'
const ONE_NODE = 'Where a queue’s master lives means nothing on one node (semantics, section 5.7).'
const NO_STREAMS = 'Leveret has no streams.'
const EVERYWHERE =
  'Line breaks are removed from the queue names of all methods (semantics, section 1.1); 3.10 leaves some out.'
const STORED_TYPE = 'A queue has its type among its arguments, as in 4.0 (semantics, section 0).'

const ends = 'a < socket ends'
const declareOk = 'a1 < queue.declare-ok queue="q" messageCount=0 consumerCount=0'
const precondition = (text: string, classId = 50, methodId = 10) =>
  channelClose(406, `PRECONDITION_FAILED - ${text}`, classId, methodId)
const invalid = (arg: string, why: string) => precondition(`invalid arg '${arg}' for queue 'q' in vhost '/'${why}`)
const commandInvalid = (text: string) => connectionClose(503, `COMMAND_INVALID - ${text}`, 40, 10)

const noQueue = (classId: number, methodId: number) =>
  channelClose(404, "NOT_FOUND - no queue '\ra\n' in vhost '/'", classId, methodId)

const unknownType = (session: string, type: string, theirs = 'unknown') =>
  insteadOfRest(
    UNKNOWN_TYPE,
    session,
    commandInvalid(`${theirs} exchange type '${type}'`),
    precondition(`unknown exchange type '${type}'`, 40, 10),
  )

/** Declaring exchanges and queues. */
export const DECLARATIONS: readonly AcceptedDifference[] = [
  unknownType('exchange: the type "zzz"', 'zzz'),
  unknownType('exchange: the type ""', '', 'invalid'),
  unknownType('exchange: the type "DIRECT"', 'DIRECT'),
  unknownType('exchange: the type "match"', 'match', 'invalid'),
  unknownType('exchange: an unknown type for an existing exchange', 'zzz'),
  insteadOfRest(
    BUILT_IN,
    'exchange: the type "x-consistent-hash"',
    commandInvalid("unknown exchange type 'x-consistent-hash'"),
    'a1 < exchange.declare-ok',
  ),
  insteadOfRest(
    BUILT_IN,
    'exchange: the type "x-delayed-message"',
    commandInvalid("unknown exchange type 'x-delayed-message'"),
    precondition("Invalid argument, 'x-delayed-type' must be an existing exchange type", 40, 10),
  ),
  ...['as an integer', 'of "zzz"', 'of ""'].map((value) =>
    insteadOfRest(
      ONE_NODE,
      `queue-arguments: x-queue-master-locator ${value}`,
      connectionClose(541, 'INTERNAL_ERROR'),
      declareOk,
    ),
  ),
  ...Object.entries({
    'as an integer': invalid('x-queue-leader-locator', ': {unacceptable_type,signedint}'),
    'of "zzz"': invalid('x-queue-leader-locator', ': invalid_queue_locator_arg'),
    'of ""': invalid('x-queue-leader-locator', ': invalid_queue_locator_arg'),
    'of "client-local" (S)': declareOk,
    'of "balanced" (S)': declareOk,
  }).map(([value, answer]) =>
    instead(LOCATOR, `queue-arguments: x-queue-leader-locator ${value}`, [
      invalid('x-queue-leader-locator', ' of queue type rabbit_classic_queue'),
      answer,
    ]),
  ),
  instead(
    'Every integer argument must be an integer (semantics, section 1.1).',
    'queue-arguments: a quorum queue with x-delivery-limit of abc',
    [declareOk, invalid('x-delivery-limit', ': "expected integer, got longstr"')],
  ),
  instead(NO_STREAMS, 'queue-arguments: a stream', [
    declareOk,
    invalid('x-queue-type', `: "unsupported queue type 'stream'"`),
  ]),
  instead(NO_STREAMS, 'queue-arguments: a stream that is not durable', [
    precondition("invalid property 'non-durable' for queue 'q' in vhost '/'"),
    invalid('x-queue-type', `: "unsupported queue type 'stream'"`),
  ]),
  instead(STORED_TYPE, 'queue-equivalence: classic to quorum', [
    precondition(
      "inequivalent arg 'x-queue-type' for queue 'q' in vhost '/': received the value 'quorum' of type 'longstr' but current is none",
    ),
    precondition(
      "inequivalent arg 'x-queue-type' for queue 'q' in vhost '/': received 'quorum' but current is 'classic'",
    ),
  ]),
  instead(STORED_TYPE, 'queue-equivalence: quorum to none', [
    precondition(
      "inequivalent arg 'x-queue-type' for queue 'q' in vhost '/': received none but current is the value 'quorum' of type 'longstr'",
    ),
    precondition(
      "inequivalent arg 'x-queue-type' for queue 'q' in vhost '/': received 'classic' but current is 'quorum'",
    ),
  ]),
  instead(
    'A quorum queue can be asked for its emptiness on one node, so if-empty works.',
    'quorum: delete if empty',
    [
      connectionClose(
        540,
        "NOT_IMPLEMENTED - cannot delete queue 'q' in vhost '/'. queue.delete operations with if-empty flag set are not supported by quorum queues",
        50,
        40,
      ),
      precondition("queue 'q' in vhost '/' not empty", 50, 40),
    ],
    [ends],
  ),
  instead(
    'A quorum queue can be asked for its consumers on one node, so if-unused works.',
    'quorum: delete if unused',
    [
      connectionClose(
        540,
        "NOT_IMPLEMENTED - cannot delete queue 'q' in vhost '/'. queue.delete operations with if-unused flag set are not supported by quorum queues",
        50,
        40,
      ),
      precondition("queue 'q' in vhost '/' in use", 50, 40),
    ],
    [ends],
  ),
  instead(
    'An exclusive consumer of a quorum queue keeps others away as on a classic one.',
    'quorum: an exclusive consumer',
    [
      'a1 < basic.consume-ok consumerTag="two"',
      channelClose(403, "ACCESS_REFUSED - queue 'q' in vhost '/' in exclusive use", 60, 20),
    ],
  ),
  instead(EVERYWHERE, 'queue: a name with line breaks: get', [noQueue(60, 70), 'a1 < basic.get-empty clusterId=""']),
  instead(EVERYWHERE, 'queue: a name with line breaks: purge', [noQueue(50, 30), 'a1 < queue.purge-ok messageCount=0']),
  insteadOfRest(
    EVERYWHERE,
    'queue: a name with line breaks: consume',
    noQueue(60, 20),
    'a1 < basic.consume-ok consumerTag="t"',
    'a1 > queue.declare queue="a" passive',
    'a1 < queue.declare-ok queue="a" messageCount=0 consumerCount=1',
  ),
]
