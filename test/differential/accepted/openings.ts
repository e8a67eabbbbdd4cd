import type { AcceptedDifference } from '../compare.ts'
import { byLine, connectionClose, explained, instead, insteadOfRest } from './rewrite.ts'

const SAYS_WHY = 'RabbitMQ ends the socket without a word; Leveret says why in a connection.close first.'

const unknownMechanism = (name: string) =>
  connectionClose(503, `COMMAND_INVALID - unknown authentication mechanism '${name}'`, 10, 11)
const badResponse = (text: string) => connectionClose(502, `SYNTAX_ERROR - ${text}`, 10, 11)
const badPlain = badResponse('a PLAIN response has two NUL octets: authzid NUL user NUL password')
const unexpected = (state: string, classId: number, methodId: number) =>
  connectionClose(504, `CHANNEL_ERROR - unexpected method in connection state ${state}`, classId, methodId)
const outOfBounds = (what: string, value: number, bound: string) =>
  connectionClose(530, `NOT_ALLOWED - negotiated ${what} = ${value} is ${bound}`)

const onChannel = (octets: string) => connectionClose(505, `UNEXPECTED_FRAME - type 1, ${octets}`)
const channelOpen = onChannel('all octets = <<0,20,0,10,0>>')
const queueDeclare = onChannel('all octets = <<0,50,0,10,0,0,0,0,0,0,0,0>>')

const EXPLAINED: Record<string, string> = {
  'channel.open where start-ok is due': channelOpen,
  'channel.open where tune-ok is due': channelOpen,
  'queue.declare where start-ok is due': queueDeclare,
  'queue.declare where tune-ok is due': queueDeclare,
  'start-ok on a channel': onChannel('first 16 octets = <<0,10,0,11,0,0,0,0,5,80,76,65,73,78,0,0>>'),
  'a publish before the connection is open': onChannel('all octets = <<0,60,0,40,0,0,0,1,120,0>>'),
  'a mechanism that is not offered': unknownMechanism('NOSUCH'),
  'an empty mechanism': unknownMechanism(''),
  'a mechanism in lower case': unknownMechanism('plain'),
  'a PLAIN response without separators': badPlain,
  'an empty PLAIN response': badPlain,
  'a PLAIN response with one separator': badPlain,
  'a PLAIN response with a separator inside the password': badPlain,
  'an AMQPLAIN login without a password': badResponse('the AMQPLAIN response is missing LOGIN or PASSWORD'),
  'an AMQPLAIN response that is no table': badResponse('an AMQPLAIN response is the inside of a field table'),
  'tune-ok with a frame-max below the smallest': outOfBounds(
    'frame_max',
    4095,
    'lower than the minimum allowed value (4096)',
  ),
  'tune-ok with a frame-max above the proposal': outOfBounds(
    'frame_max',
    131_073,
    'higher than the maximum allowed value (131072)',
  ),
  'tune-ok with a channel-max above the proposal': outOfBounds(
    'channel_max',
    2048,
    'higher than the maximum allowed value (2047)',
  ),
  'tune-ok with a channel-max of 65535': outOfBounds(
    'channel_max',
    65_535,
    'higher than the maximum allowed value (2047)',
  ),
  'connection.open where start-ok is due': unexpected('starting', 10, 40),
  'connection.open where tune-ok is due': unexpected('tuning', 10, 40),
  'tune-ok where start-ok is due': unexpected('starting', 10, 31),
  'tune-ok twice': unexpected('opening', 10, 31),
  'secure-ok where start-ok is due': unexpected('starting', 10, 21),
  'secure-ok where tune-ok is due': unexpected('tuning', 10, 21),
  'channel.open on channel 0 where start-ok is due': unexpected('starting', 20, 10),
  'channel.open on channel 0 where tune-ok is due': unexpected('tuning', 20, 10),
  'connection.close-ok where start-ok is due': unexpected('starting', 10, 51),
  'connection.close-ok where tune-ok is due': unexpected('tuning', 10, 51),
  'start-ok twice': unexpected('tuning', 10, 11),
}

const INTRODUCING = [
  'the server introduces itself',
  'the server proposes its limits after a login',
  'the virtual host opens',
  'the protocol header AMQP 1 1 0 9',
  'the whole opening in one write',
  'an opening byte by byte',
]

const TUNE = 'a < connection.tune channelMax=2047 frameMax=131072 heartbeat=60'
const OPEN_OK = 'a < connection.open-ok knownHosts=""'
const ENDS = 'a < socket ends'
const CLOSE_OK = 'a < connection.close-ok'

/** The opening of connections. */
export const OPENINGS: readonly AcceptedDifference[] = [
  ...Object.entries(EXPLAINED).map(([title, close]) => explained(SAYS_WHY, `connection: ${title}`, close)),
  byLine(
    'Leveret announces its own version beside the product and version that clients switch on.',
    INTRODUCING.map((title) => `connection: ${title}`),
    (line) => line.replace(', platform:S "*", ', ', leveret_version:S "*", platform:S "*", '),
  ),
  {
    reason: 'AMQP 0-8 is not spoken, as in 4.0 (wire facts, section 1).',
    sessions: ['connection: the protocol header AMQP 1 1 8 0'],
    rewrite: ([sent = '']) => [sent, 'a < protocol header AMQP 0 0 9 1', ENDS],
  },
  instead(
    'The authorisation identity of a PLAIN response is ignored (wire facts, section 9).',
    'connection: a PLAIN response with an authorisation identity',
    [ENDS, TUNE],
  ),
  instead(
    'The frames of the opening may be larger than 4096 bytes, as from 4.1 on (wire facts, section 2): tokens are.',
    'connection: a start-ok of more than 4096 bytes',
    [ENDS, TUNE],
  ),
  ...['frame-max', 'channel-max'].map((limit) =>
    instead(
      '0 means no limit in the protocol and is taken as the server’s own limit (wire facts, section 2).',
      `connection: tune-ok with a ${limit} of 0`,
      [ENDS, OPEN_OK],
    ),
  ),
  ...['start-ok', 'tune-ok'].map((due) =>
    instead(
      'Either side may close first, also during the opening (wire facts, section 3).',
      `connection: connection.close where ${due} is due`,
      [ENDS, CLOSE_OK],
    ),
  ),
  insteadOfRest(
    'Either side may close first, also during the opening (wire facts, section 3).',
    'connection: connection.close where connection.open is due',
    connectionClose(504, 'CHANNEL_ERROR - unexpected method in connection state opening', 10, 50),
    CLOSE_OK,
  ),
]
