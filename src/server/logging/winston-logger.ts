import type { LogFields, LogLevel } from '../../base/index.ts'
import type { LineWriter } from './deferred-logger.ts'
import { redact, redactText } from './redact.ts'

export type LogFormat = 'pretty' | 'json'

export interface WinstonLoggerOptions {
  readonly level: LogLevel
  /** `pretty` for people, `json` for machines: one object a line. */
  readonly format: LogFormat
}

/** What winston hands from one format step to the next. */
type Info = { level: string; message: unknown; time: string } & Record<string | symbol, unknown>

/** Where winston keeps the finished line. */
const MESSAGE = Symbol.for('message')

/**
 * The program's logger: winston, to standard output. Loaded when called and not before, so that an embedded broker
 * never pays for it.
 */
export async function createWinstonLogger(options: WinstonLoggerOptions): Promise<LineWriter> {
  const { default: winston } = await import('winston')
  const withStacks = options.level === 'debug'
  // The one place through which every line goes on its way out.
  const clean = winston.format((info) => cleanInfo(info as unknown as Info, withStacks) as unknown as typeof info)
  const layout = winston.format((info) => {
    const line = options.format === 'json' ? jsonLine(info as unknown as Info) : prettyLine(info as unknown as Info)
    info[MESSAGE] = line
    return info
  })
  const logger = winston.createLogger({
    level: options.level,
    format: winston.format.combine(clean(), layout()),
    transports: [new winston.transports.Console()],
    exitOnError: false,
  })
  const log = (level: LogLevel, message: string, fields: LogFields | undefined, time = new Date()): void => {
    logger.log({ ...fields, level, message, time: time.toISOString() })
  }
  return {
    debugEnabled: withStacks,
    error: (message, fields) => log('error', message, fields),
    warn: (message, fields) => log('warn', message, fields),
    info: (message, fields) => log('info', message, fields),
    // A disabled call costs winston two microseconds.
    debug: (message, fields) => {
      if (withStacks) log('debug', message, fields)
    },
    write: ({ level, message, fields, time }) => log(level, message, fields, time),
  }
}

/** Takes out secrets and undefined fields, and stack traces unless somebody is debugging. */
function cleanInfo(info: Info, withStacks: boolean): Info {
  for (const [name, value] of Object.entries(info)) {
    if (name === 'level' || name === 'time') continue
    if (value === undefined || (name === 'stack' && !withStacks)) delete info[name]
    else if (name === 'message') info.message = redactText(String(value))
    else info[name] = redact(name, value)
  }
  return info
}

function jsonLine({ time, level, message, ...fields }: Info): string {
  return JSON.stringify({ time, level, message, ...fields })
}

/** `2026-11-21T12:00:00.000Z info  Server startup complete host=127.0.0.1 port=5672` */
function prettyLine({ time, level, message, stack, ...fields }: Info): string {
  const pairs = Object.entries(fields).map(([name, value]) => ` ${name}=${shown(value)}`)
  // A peer's bytes must not look like a line of ours.
  const text = String(message).replace(/\p{Cc}/gu, (character) => `\\x${character.charCodeAt(0).toString(16)}`)
  const trace = typeof stack === 'string' ? `\n${stack}` : ''
  return `${time} ${level.padEnd(5)} ${text}${pairs.join('')}${trace}`
}

function shown(value: unknown): string {
  const text = String(value)
  return /^[^\s"=\p{Cc}]+$/u.test(text) ? text : JSON.stringify(text)
}
