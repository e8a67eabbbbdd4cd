import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import { DeferredLogger, type LineWriter, type LogFormat } from '../../src/server/index.ts'
import { RecordingLogger } from '../helpers/recording-logger.ts'

const DOOR = fileURLToPath(new URL('../../src/server/index.js', import.meta.url))

/** What the program's logger prints when these statements use it as `log`. */
function printed(format: LogFormat, level: string, statements: string): string[] {
  const script = `
    import { createWinstonLogger } from ${JSON.stringify(DOOR)}
    const log = await createWinstonLogger({ level: '${level}', format: '${format}' })
    ${statements}
  `
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    encoding: 'utf8',
    timeout: 30_000,
  })
  if (stderr !== '') throw new Error(stderr)
  return stdout.split('\n').slice(0, -1)
}

test('a pretty line has time, level, text and the fields behind it', (t) => {
  const [line, ...others] = printed(
    'pretty',
    'info',
    "log.warn('memory alarm', { used: 12, what: 'two words', none: undefined })",
  )
  t.regex(line ?? '', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z warn {2}memory alarm used=12 what="two words"$/)
  t.deepEqual(others, [])
})

test('a JSON line is one object with the fields beside time, level and message', (t) => {
  const [line] = printed(
    'json',
    'info',
    "log.error('it failed', { port: 5672, open: false, message: 'x', level: 'y' })",
  )
  const { time, ...rest } = JSON.parse(line ?? '')
  t.deepEqual(rest, { level: 'error', message: 'it failed', port: 5672, open: false })
  t.false(Number.isNaN(Date.parse(time)))
})

test('lines below the level are not written', (t) => {
  const all = "log.error('e'); log.warn('w'); log.info('i'); log.debug('d')"
  const levels = (level: string): string =>
    printed('json', level, all)
      .map((line) => JSON.parse(line).message)
      .join('')
  t.is(levels('error'), 'e')
  t.is(levels('warn'), 'ew')
  t.is(levels('info'), 'ewi')
  t.is(levels('debug'), 'ewid')
})

test('secrets are masked, whatever their field is called, and in URLs', (t) => {
  const [line] = printed(
    'json',
    'info',
    `log.info('connecting to amqp://anna:s3cret@host/v', {
      password: 's3cret', defaultPass: 's3cret', client_secret: 's3cret', accessToken: 's3cret', authorization: 's3cret',
      url: 'amqps://anna:s3cret@host:5671', user: 'anna', passive: 'shown', 'private key': 's3cret',
    })`,
  )
  t.false(line?.includes('s3cret'))
  t.like(JSON.parse(line ?? ''), {
    message: 'connecting to amqp://anna:***@host/v',
    password: '***',
    url: 'amqps://anna:***@host:5671',
    user: 'anna',
    passive: 'shown',
  })
})

test('stack traces are written only at level debug', (t) => {
  const statement = "log.error('internal error', { stack: 'Error: x\\n    at y (z.js:1:2)' })"
  t.false(printed('pretty', 'info', statement).join('\n').includes('z.js'))
  t.true(printed('pretty', 'debug', statement).join('\n').includes('at y (z.js:1:2)'))
  t.false(printed('json', 'info', statement).join('\n').includes('z.js'))
})

test('what a peer sent cannot look like a line of its own', (t) => {
  const lines = printed('pretty', 'info', "log.info('name a\\nb\\x1b[31m', { client: 'x\\n2026 error forged' })")
  t.is(lines.length, 1)
  t.true(lines[0]?.endsWith('info  name a\\xab\\x1b[31m client="x\\n2026 error forged"'), lines[0])
})

test('a long text from a peer, however it is made up, is cut and costs no time', (t) => {
  const [line] = printed('json', 'info', "log.info('a-'.repeat(200_000) + '://', { user: 'x'.repeat(100_000) })")
  const { message, user } = JSON.parse(line ?? '')
  t.regex(message, /^(a-){2048}… \(400003 characters\)$/)
  t.regex(user, /^x{4096}… \(100000 characters\)$/)
})

test('lines logged before the logger is there are written by it, with their own times', (t) => {
  const recorder = new RecordingLogger()
  const times: Date[] = []
  const target: LineWriter = Object.assign(recorder, {
    write({ level, message, fields, time }: Parameters<LineWriter['write']>[0]) {
      times.push(time)
      recorder[level](message, fields)
    },
  })
  const log = new DeferredLogger(false)
  const before = Date.now()
  log.info('first', { n: 1 })
  log.debug('not wanted')
  log.warn('second')
  t.deepEqual(recorder.lines, [])
  log.attach(target)
  log.error('third')
  t.deepEqual(
    recorder.lines.map(({ level, message }) => `${level} ${message}`),
    ['info first', 'warn second', 'error third'],
  )
  t.true(times.every((time) => time.getTime() >= before && time.getTime() <= Date.now()))
})

test('lines that nobody came to write are bounded, and the rest is counted', (t) => {
  const recorder = new RecordingLogger()
  const log = new DeferredLogger(false)
  for (let i = 0; i < 1500; i++) log.info(`${i}`)
  log.attach(Object.assign(recorder, { write: () => {} }))
  t.like(recorder.lines, [{ level: 'warn', fields: { lines: 500 } }])
})
