import type { Authentication, AuthOutcome } from '../auth/index.ts'
import type { Timer } from '../base/index.ts'
import { AmqpError, notAllowed } from '../broker/index.ts'
import {
  bool,
  CONNECTION_OPEN,
  CONNECTION_SECURE_OK,
  CONNECTION_START_OK,
  CONNECTION_TUNE_OK,
  type ConnectionOpen,
  type ConnectionSecureOk,
  type ConnectionStartOk,
  type ConnectionTuneOk,
  encodeConnectionOpenOk,
  encodeConnectionSecure,
  encodeConnectionStart,
  encodeConnectionTune,
  FRAME_MIN_SIZE,
  type MethodDecoder,
  PROTOCOL_HEADER,
  ReplyCode,
  Table,
} from '../codec/index.ts'
import type { Capabilities } from './capabilities.ts'
import type { Connection } from './connection.ts'
import { channelError, commandInvalid, syntaxError } from './errors.ts'

/** The header that some 0-9 clients send; RabbitMQ answers it like the right one. */
const OLD_PROTOCOL_HEADER = Buffer.from([0x41, 0x4d, 0x51, 0x50, 1, 1, 0, 9])

/** What RabbitMQ announces; clients gate their features on these. */
const SERVER_CAPABILITIES = [
  'publisher_confirms',
  'exchange_exchange_bindings',
  'basic.nack',
  'consumer_cancel_notify',
  'connection.blocked',
  'consumer_priorities',
  'authentication_failure_close',
  'per_consumer_qos',
  'direct_reply_to',
]

/** A client that could not read a close method waits this long for nothing: it slows down guessing. */
const REFUSAL_DELAY_MS = 3000

/** The opening of a connection: header, start, secure, tune, open; bounded in time as a whole. */
export class Handshake {
  readonly #connection: Connection
  readonly #deadline: Timer
  #authentication: Authentication | undefined
  #refusal: Timer | undefined

  constructor(connection: Connection) {
    this.#connection = connection
    const { handshakeTimeoutMs } = connection.amqp.settings
    this.#deadline = connection.timers.schedule(connection.clock.now + handshakeTimeoutMs, () => {
      connection.log.warn(
        `connection ${connection.name}: the handshake was not done within ${handshakeTimeoutMs / 1000} s (state ${connection.state}), closing the socket`,
      )
      connection.drop()
    })
  }

  stop(): void {
    this.#connection.timers.cancel(this.#deadline)
    this.#connection.timers.cancel(this.#refusal)
  }

  /** @returns false when the header is not ours: ours has been sent back and the connection ends. */
  protocolHeader(buffer: Buffer, at: number): boolean {
    const connection = this.#connection
    const header = buffer.subarray(at, at + PROTOCOL_HEADER.length)
    if (!header.equals(PROTOCOL_HEADER) && !header.equals(OLD_PROTOCOL_HEADER)) {
      connection.log.warn(
        `connection ${connection.name} does not speak AMQP 0-9-1 (${describeBeginning(header)}), closing it`,
      )
      connection.out.append(PROTOCOL_HEADER)
      connection.end()
      return false
    }
    const { serverProperties, mechanisms } = connection.amqp.settings
    const capabilities = new Table()
    for (const name of SERVER_CAPABILITIES) capabilities.set(name, bool(true))
    const properties = new Table()
    properties.set('capabilities', { type: 'F', value: capabilities })
    for (const [name, value] of serverProperties.entries) properties.set(name, value)
    connection.out.append(
      encodeConnectionStart(0, {
        versionMajor: 0,
        versionMinor: 9,
        serverProperties: properties,
        mechanisms: Buffer.from([...mechanisms.keys()].join(' ')),
        locales: Buffer.from('en_US'),
      }),
    )
    connection.state = 'starting'
    return true
  }

  /** Takes the method that the current state waits for. @throws AmqpError 504 for any other. */
  method(id: number, method: MethodDecoder): void {
    const { state } = this.#connection
    if (state === 'starting' && id === CONNECTION_START_OK) this.#startOk(method as ConnectionStartOk)
    else if (state === 'securing' && id === CONNECTION_SECURE_OK) this.#step((method as ConnectionSecureOk).response)
    else if (state === 'tuning' && id === CONNECTION_TUNE_OK) this.#tuneOk(method as ConnectionTuneOk)
    else if (state === 'opening' && id === CONNECTION_OPEN) this.#open(method as ConnectionOpen)
    else throw channelError(`unexpected method in connection state ${state}`)
  }

  #startOk(method: ConnectionStartOk): void {
    const connection = this.#connection
    const properties = method.clientProperties
    connection.clientProperties = properties
    connection.capabilities = capabilitiesOf(properties)
    const name = method.mechanism
    const mechanism = connection.amqp.settings.mechanisms.get(name)
    if (mechanism === undefined) throw commandInvalid(`unknown authentication mechanism '${name}'`)
    connection.mechanism = name
    this.#authentication = mechanism.start()
    this.#step(method.response)
  }

  #step(response: Buffer): void {
    const connection = this.#connection
    connection.state = 'securing'
    const outcome = (this.#authentication as Authentication).step(response)
    if (!(outcome instanceof Promise)) {
      this.#outcome(outcome)
      return
    }
    outcome.then(
      (later) => this.#laterOutcome(later),
      (error: Error) => {
        connection.log.error(`connection ${connection.name}: the login could not be checked: ${error.message}`)
        this.#laterOutcome({ kind: 'refused', username: undefined })
      },
    )
  }

  /** An answer that comes outside `receive` has no error handling around it. */
  #laterOutcome(outcome: AuthOutcome): void {
    const connection = this.#connection
    if (connection.state !== 'securing') return
    try {
      this.#outcome(outcome)
    } catch (error) {
      if (!(error instanceof AmqpError)) throw error
      connection.fail(error, 0, 0)
    }
  }

  #outcome(outcome: AuthOutcome): void {
    const connection = this.#connection
    switch (outcome.kind) {
      case 'challenge':
        connection.out.append(encodeConnectionSecure(0, { challenge: outcome.challenge }))
        return
      case 'malformed':
        throw syntaxError(outcome.reason)
      case 'refused':
        this.#refuse(outcome.username, 'the password is wrong or there is no such user')
        return
      case 'authenticated': {
        const { user } = outcome
        if (!connection.amqp.settings.users.mayConnectFrom(user, connection.peer.loopback)) {
          this.#refuse(user.name, 'this user may only connect from the local machine (see --loopback-users)')
          return
        }
        connection.user = user
        this.#tune()
      }
    }
  }

  #refuse(username: string | undefined, reason: string): void {
    const connection = this.#connection
    // The name is the peer's and may be as long as a frame.
    const who = username === undefined ? '' : ` of user '${username.slice(0, 255)}'`
    connection.log.warn(`connection ${connection.name}: login${who} was refused: ${reason}`)
    if (connection.capabilities.authenticationFailureClose) {
      connection.currentClass = 0
      connection.currentMethod = 0
      throw new AmqpError(
        ReplyCode.ACCESS_REFUSED,
        `ACCESS_REFUSED - Login was refused using authentication mechanism ${connection.mechanism}. For details see the broker logfile.`,
        'connection',
      )
    }
    connection.refuseSilently()
    this.#refusal = connection.timers.schedule(connection.clock.now + REFUSAL_DELAY_MS, () => connection.drop())
  }

  #tune(): void {
    const connection = this.#connection
    const { channelMax, frameMax, heartbeatSeconds } = connection.amqp.settings
    connection.state = 'tuning'
    connection.out.append(encodeConnectionTune(0, { channelMax, frameMax, heartbeat: heartbeatSeconds }))
  }

  #tuneOk(method: ConnectionTuneOk): void {
    const connection = this.#connection
    const { channelMax, frameMax } = connection.amqp.settings
    connection.currentClass = 0
    connection.currentMethod = 0
    checkNegotiated('channel_max', method.channelMax, 1, channelMax)
    checkNegotiated('frame_max', method.frameMax, FRAME_MIN_SIZE, frameMax)
    // 0 means "no limit": the server's own limit then holds.
    connection.channelMax = method.channelMax === 0 ? channelMax : method.channelMax
    connection.frameMax = method.frameMax === 0 ? frameMax : method.frameMax
    connection.heartbeatSeconds = method.heartbeat
    connection.state = 'opening'
  }

  #open(method: ConnectionOpen): void {
    const connection = this.#connection
    const { virtualHosts, users } = connection.amqp.settings
    const name = method.virtualHost
    const vhost = virtualHosts.find(name)
    if (vhost === undefined) throw notAllowed(`vhost ${name} not found`)
    const user = connection.user
    const permissions = user === undefined ? undefined : users.permissions(user, name)
    if (permissions === undefined) {
      throw notAllowed(`access to vhost '${name}' refused for user '${user?.name ?? ''}'`)
    }
    connection.vhost = vhost
    connection.permissions = permissions
    this.stop()
    connection.out.append(encodeConnectionOpenOk(0, {}))
    connection.opened()
  }
}

/** The content type of a handshake record, and the first byte of every version since SSL 3.0. */
const TLS_HANDSHAKE = Buffer.of(0x16, 0x03)

function describeBeginning(bytes: Buffer): string {
  if (bytes.subarray(0, 2).equals(TLS_HANDSHAKE)) return 'it began with a TLS handshake, which has a port of its own'
  return `it began with ${JSON.stringify(bytes.toString('latin1'))}`
}

function checkNegotiated(name: string, value: number, minimum: number, maximum: number): void {
  if (value === 0) return
  if (value < minimum) {
    throw notAllowed(`negotiated ${name} = ${value} is lower than the minimum allowed value (${minimum})`)
  }
  if (value > maximum) {
    throw notAllowed(`negotiated ${name} = ${value} is higher than the maximum allowed value (${maximum})`)
  }
}

function capabilitiesOf(properties: Table): Capabilities {
  const value = properties.get('capabilities')
  const announced = value?.type === 'F' ? value.value : new Table()
  const has = (name: string): boolean => {
    const capability = announced.get(name)
    return capability?.type === 't' && capability.value
  }
  return {
    authenticationFailureClose: has('authentication_failure_close'),
    consumerCancelNotify: has('consumer_cancel_notify'),
    connectionBlocked: has('connection.blocked'),
  }
}
