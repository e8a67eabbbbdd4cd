import { connect } from 'node:net'
import { Command } from 'commander'
import { hostAndPort } from '../base/index.ts'
import {
  CONNECTION_START,
  ConnectionStart,
  FrameParser,
  FrameType,
  PROTOCOL_HEADER,
  readUint32,
  textOf,
} from '../codec/index.ts'
import { describeSystemError } from './client/client-error.ts'
import { ExitCode } from './errors.ts'
import { duration, notEmpty, wholeNumber } from './settings/parsers.ts'
import { addFlags, resolveSettings, type SettingsOf, type SettingTable } from './settings/table.ts'

// Named as for `start`, so that in a container both read the same environment.
const PING_SETTINGS = {
  host: {
    value: 'ADDRESS',
    help: 'where the broker is',
    aliases: ['LEVERET_BIND'],
    fallback: '127.0.0.1',
    parse: notEmpty('an address'),
  },
  port: { value: 'PORT', help: 'its port for AMQP', fallback: '5672', parse: wholeNumber(1, 65_535) },
  timeout: { value: 'MS', help: 'how long it may take to answer', fallback: '5000', parse: duration(1, 3_600_000) },
} as const satisfies SettingTable

export function pingCommand(): Command {
  const command = new Command('ping').description('Ask a running broker whether it answers; exits with 0 or 1.')
  addFlags(command, PING_SETTINGS)
  return command.action(async (flags: Record<string, string>) => {
    const settings = resolveSettings(PING_SETTINGS, flags, process.env)
    try {
      console.log(await ping(settings))
    } catch (error) {
      console.error(`leveret: ${(error as Error).message}`)
      process.exitCode = ExitCode.FAILED
    }
  })
}

/**
 * Sends the protocol header and waits for connection.start, as a client would; nobody has to log in for that.
 * @returns one line about who answered. @throws Error with one line that says what was wrong.
 */
export function ping({ host, port, timeout }: SettingsOf<typeof PING_SETTINGS>): Promise<string> {
  const target = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host
  const where = hostAndPort(target, port)
  return new Promise((resolve, reject) => {
    const socket = connect({ host: target, port })
    const parser = new FrameParser()
    const fail = (reason: string): void => {
      clearTimeout(timer)
      socket.destroy()
      reject(new Error(`${where} ${reason}`))
    }
    const timer = setTimeout(() => fail(`did not answer within ${timeout} ms`), timeout)
    socket.on('connect', () => socket.write(PROTOCOL_HEADER))
    socket.on('error', (error: NodeJS.ErrnoException) => {
      fail(
        error.code === 'ECONNREFUSED'
          ? 'refuses connections: no broker is running there'
          : `fails: ${describeSystemError(error)}`,
      )
    })
    socket.on('end', () => fail('closed the connection without an answer: it may want TLS, or be no port for AMQP'))
    socket.on('data', (chunk) => {
      let answer: string | undefined
      try {
        parser.push(chunk)
        const frame = parser.next()
        if (frame === undefined) return
        answer = describeStart(frame.type, frame.payload)
      } catch {
        // Not AMQP, then.
      }
      if (answer === undefined) {
        fail('does not speak AMQP 0-9-1')
        return
      }
      clearTimeout(timer)
      socket.destroy()
      resolve(`${where} answers: ${answer}`)
    })
  })
}

/** `Leveret 0.1.0`, or the product that another broker calls itself; undefined when it is no connection.start. */
function describeStart(type: number, payload: Buffer): string | undefined {
  if (type !== FrameType.METHOD || payload.length < 4 || readUint32(payload, 0) !== CONNECTION_START) return undefined
  const start = new ConnectionStart()
  if (!start.decode(payload, 4, payload.length)) return undefined
  const properties = start.serverProperties
  const value = (name: string): string | undefined => textOf(properties.get(name))
  const leveret = value('leveret_version')
  return leveret === undefined ? `${value('product')} ${value('version')}` : `Leveret ${leveret}`
}
