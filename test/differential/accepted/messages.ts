import type { AcceptedDifference } from '../compare.ts'
import { byLine, channelClose, instead } from './rewrite.ts'

const deadLetters = (...titles: string[]) => titles.map((title) => `dead-letter: ${title}`)

const DIED_ONCE = [
  ...deadLetters(
    'reject without requeue',
    'nack without requeue',
    'nack of several',
    'headers go behind the existing ones',
    'without a key of its own the original keys are kept',
    'CC is kept and followed without a key of its own',
    'CC with a key of its own',
    'an exchange declared later is used',
    'a dead letter through an alternate exchange',
    'a dead letter to several queues',
    'an internal exchange takes dead letters',
  ),
  'field-table: all types of headers survive dead-lettering',
  'ttl: expired messages are dead-lettered',
  'ttl: an expired message keeps its expiration in x-death',
  'ttl: an expiration is removed when it dies for another reason',
  'length: reject-publish-dlx dead-letters the new one',
  'length: dropped messages are dead-lettered',
  'combined: a ttl and a length limit: each death has its reason',
  'combined: a length limit on a queue with priorities',
  'combined: requeueing above the length limit',
  'combined: multiple nack over two queues with dead-lettering',
  'combined: redelivered stays set through a dead end',
  'combined: a dead letter is confirmed only once',
  'combined: a rejected message in a transaction is dead-lettered at commit',
  'combined: the same message in two queues dies twice',
  'combined: an empty body everywhere',
  'combined: a large body through a dead end, in small frames',
  'quorum: a delivery limit dead-letters',
  'quorum: rejected messages are dead-lettered',
]

const DIED_AGAIN = deadLetters(
  'rejected in a loop counts up',
  'two queues in turn',
  'expired and then rejected',
  'a retry loop with a waiting queue',
)

// The entry of an earlier death as 3.10 writes it back: its fields sorted by name.
const SORTED_DEATH =
  /F\{(count:l \d+), (exchange:S "[^"]*"), (queue:S "[^"]*"), (reason:S "[^"]*"), (routing-keys:A\[[^\]]*\]), (time:T now)\}/g

/** Adds what 4.0 tells of the last death, which is the first entry of x-death. */
function withLastDeath(line: string): string {
  const death = /x-death:A\[F\{([^}]*)\}/.exec(line)?.[1]
  const field = (name: string) => new RegExp(`${name}:S ("[^"]*")`).exec(death ?? '')?.[1]
  const last = ['exchange', 'queue', 'reason'].map((name) => `x-last-death-${name}:S ${field(name)}`).join(', ')
  return line.replace(/(x-first-death-reason:S "[^"]*")\}/, `$1, ${last}}`)
}

/** What happens to messages. */
export const MESSAGES: readonly AcceptedDifference[] = [
  byLine(
    '3.10 sorts the fields of earlier deaths by name; Leveret keeps their order, which means nothing in a table.',
    DIED_AGAIN,
    (line) => line.replace(SORTED_DEATH, 'F{$1, $4, $3, $6, $2, $5}'),
  ),
  byLine(
    'x-last-death-exchange, -queue and -reason are told, as in 4.0 (semantics, sections 0 and 5.3).',
    [...DIED_ONCE, ...DIED_AGAIN],
    withLastDeath,
  ),
  byLine(
    'CC is kept when a dead letter gets a routing key of its own, as in 4.0 (semantics, section 0).',
    deadLetters('CC with a key of its own'),
    (line) =>
      line.includes('routingKey="dead"')
        ? line.replace('headers={a:I 1, ', 'headers={CC:A[S "elsewhere"], a:I 1, ')
        : line,
  ),
  ...['an x-death that a client made up', 'an x-death that is no array'].map((title) =>
    byLine(
      'An x-death that a client made up is replaced by the broker’s own, as in 4.0 (semantics, section 0).',
      deadLetters(title),
      (line) =>
        line.startsWith('a1 < basic.deliver')
          ? line.replace(
              /\(headers=.*\) "x"/,
              '(headers={x-death:A[F{count:l 1, reason:S "rejected", queue:S "q", time:T now, exchange:S "", routing-keys:A[S "q"]}], ' +
                'x-first-death-exchange:S "", x-first-death-queue:S "q", x-first-death-reason:S "rejected", ' +
                'x-last-death-exchange:S "", x-last-death-queue:S "q", x-last-death-reason:S "rejected"}) "x"',
            )
          : line,
    ),
  ),
  byLine(
    '3.10 sorts all headers by name when it adds x-death; Leveret keeps the order of the message (semantics, section 5.3).',
    ['field-table: all types of headers survive dead-lettering'],
    (line) =>
      line.startsWith('a1 < basic.deliver')
        ? line.replace(
            /headers=\{.*, x-death:/,
            'headers={t:t true, f:t false, b:b -128, B:B 255, s:s -32768, u:u 65535, I:I -2147483648, i:i 4294967295, ' +
              'l:l -9223372036854775808, float:f 1.5, double:d 3.141592653589793, decimal:D 12345/10^2, S:S "text", ' +
              'empty:S "", x:x <<0001ff>>, A:A[S "a", I 1, A[]], F:F{inner:V}, T:T 1000000000, V:V, x-death:',
          )
        : line,
  ),
  byLine(
    'A first delivery has no x-delivery-count, as in 4.0 (semantics, section 0).',
    [
      'quorum: get and its counts',
      'quorum: no-ack',
      'quorum: rejected messages are dead-lettered',
      'quorum: requeued messages come first again',
      'quorum: the length limit drops the oldest',
      'quorum: purge and delete',
      'quorum: closing the channel gives back',
    ],
    (line) => line.replace(' (headers={x-delivery-count:l 0})', ''),
  ),
  byLine(
    'Requeued messages go back to their places, as in classic queues; 3.10 takes them in the order of their return.',
    ['quorum: requeued messages come first again'],
    (line) =>
      line.includes('redelivered') ? line.replace(/"([12])"$/, (_, body) => (body === '1' ? '"2"' : '"1"')) : line,
  ),
  instead(
    'The order of 4.x: expiration and headers are looked at before the user (semantics, section 3).',
    'publish: which of several faults is told: expiration before user id',
    [
      channelClose(
        406,
        "PRECONDITION_FAILED - user_id property set to 'bob' but authenticated user was 'guest'",
        60,
        40,
      ),
      channelClose(406, "PRECONDITION_FAILED - invalid expiration 'abc': no_integer", 60, 40),
    ],
  ),
  byLine(
    'A reply takes a delivery tag like every other delivery; on 3.10 the next delivery has the same tag.',
    ['reply-to: a request and its reply', 'reply-to: replies and other deliveries share the tags'],
    (line) =>
      line
        .replace('deliveryTag=2 exchange="" routingKey="own"', 'deliveryTag=3 exchange="" routingKey="own"')
        .replace(/deliveryTag=1 (.*) "second reply"$/, 'deliveryTag=2 $1 "second reply"'),
  ),
  instead(
    'A mandatory reply that is delivered does not come back as well, as from 4.2 on (semantics, section 6).',
    'reply-to: a mandatory reply',
    ['b1 < basic.return replyCode=312 replyText="NO_ROUTE" exchange="" routingKey="amq.rabbitmq.reply-to-[1]" "reply"'],
  ),
  instead(
    'A reply to a requester that has gone counts as routed, as from 4.2 on (semantics, section 0).',
    'reply-to: a mandatory reply to a requester that has gone',
    ['b1 < basic.return replyCode=312 replyText="NO_ROUTE" exchange="" routingKey="amq.rabbitmq.reply-to-[1]" "reply"'],
  ),
  instead(
    'Every reply name counts as routed, as from 4.2 on (semantics, section 0).',
    'reply-to: a reply name that never was',
    ['a1 < basic.return replyCode=312 replyText="NO_ROUTE" exchange="" routingKey="amq.rabbitmq.reply-to.zzz" "x"'],
  ),
  instead('Reply names cannot be bound, as in 4.3 (semantics, section 6).', 'reply-to: bind on the pseudo queue', [
    channelClose(404, "NOT_FOUND - no queue 'amq.rabbitmq.reply-to' in vhost '/'", 50, 20),
    channelClose(403, "ACCESS_REFUSED - cannot bind 'amq.rabbitmq.reply-to', which stands for direct replies", 50, 20),
  ]),
  instead('Reply names cannot be unbound, as in 4.3 (semantics, section 6).', 'reply-to: unbind on the pseudo queue', [
    'a1 < queue.unbind-ok',
    channelClose(403, "ACCESS_REFUSED - cannot bind 'amq.rabbitmq.reply-to', which stands for direct replies", 50, 50),
  ]),
  instead(
    'Each priority expires at its own head; RabbitMQ counts an expired message until it is the first of all.',
    'combined: messages of priorities expire at the head of each',
    [
      'a1 < queue.declare-ok queue="q" messageCount=2 consumerCount=0',
      'a1 < queue.declare-ok queue="q" messageCount=1 consumerCount=0',
    ],
  ),
  byLine(
    'Which of two idle consumers is next is not promised: RabbitMQ puts one that gets credit again last in line.',
    ['consume: turns pass over a consumer without credit'],
    (line) => line.replace(/^(a2 .* deliveryTag=2 .*)"6"$/, '$1"5"').replace(/^(a3 .* deliveryTag=4 .*)"5"$/, '$1"6"'),
  ),
  instead(
    'Which of two idle consumers is next is not promised: RabbitMQ puts one that gets credit again last in line.',
    'combined: a consumer that cannot keep up and one that can',
    [
      'a2 < basic.deliver consumerTag="fast" redelivered exchange="" routingKey="q" "1"',
      'a1 < basic.deliver consumerTag="slow" redelivered exchange="" routingKey="q" "1"',
    ],
  ),
  byLine(
    'A dead letter follows its key and CC, not BCC (semantics, section 5.3): those keys went when it was stored.',
    deadLetters('CC is kept and followed without a key of its own'),
    (line) => (line.startsWith('a1 < basic.get-ok deliveryTag=4') ? 'a1 < basic.get-empty clusterId=""' : line),
  ),
]
