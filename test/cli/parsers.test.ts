import test from 'ava'
import {
  byteSize,
  duration,
  namesOrNone,
  shareOrSize,
  ValueError,
  wholeNumber,
} from '../../src/cli/settings/parsers.ts'

const MIB = 1024 * 1024

test('a whole number is taken within its range and nothing else', (t) => {
  const port = wholeNumber(0, 65_535)
  t.is(port('0'), 0)
  t.is(port('65535'), 65_535)
  for (const text of ['65536', '-1', '1.5', 'abc', '', ' 1', '0x10', '1e3']) {
    t.throws(() => port(text), { instanceOf: ValueError, message: 'not a whole number from 0 to 65535' }, text)
  }
})

test('a size has units as in RabbitMQ’s configuration', (t) => {
  const size = byteSize(0, Number.MAX_SAFE_INTEGER)
  const sizes: [string, number][] = [
    ['0', 0],
    ['131072', 131_072],
    ['16MiB', 16 * MIB],
    ['16M', 16 * MIB],
    ['16mib', 16 * MIB],
    ['16Mi', 16 * MIB],
    ['16MB', 16_000_000],
    ['1.5GiB', 1536 * MIB],
    ['2kB', 2000],
    ['2k', 2048],
    ['7b', 7],
    ['1 GB', 1_000_000_000],
  ]
  for (const [text, bytes] of sizes) t.is(size(text), bytes, text)
  for (const text of ['', 'MiB', '12x', '-1', '1MiBB', '1.MiB', '0.4', '1.5', '1.5b'])
    t.throws(() => size(text), { instanceOf: ValueError }, text)
})

test('a duration is in milliseconds unless it says otherwise', (t) => {
  const time = duration(0, Number.MAX_SAFE_INTEGER)
  t.is(time('250'), 250)
  t.is(time('250ms'), 250)
  t.is(time('10s'), 10_000)
  t.is(time('30m'), 1_800_000)
  t.is(time('2h'), 7_200_000)
  for (const text of ['', 's', '1.5s', '10 days', '-1']) t.throws(() => time(text), { instanceOf: ValueError }, text)
})

test('the memory watermark is a share up to 1 and a size beyond', (t) => {
  t.is(shareOrSize('0.4'), 0.4)
  t.is(shareOrSize('.5'), 0.5)
  t.is(shareOrSize('1'), 1)
  t.is(shareOrSize('1.0'), 1)
  t.is(shareOrSize('0'), 0)
  t.is(shareOrSize('512MiB'), 512 * MIB)
  t.is(shareOrSize('536870912'), 512 * MIB)
  for (const text of ['', 'x', '-0.1', '1b', '40%']) t.throws(() => shareOrSize(text), { instanceOf: ValueError }, text)
})

test('names stand between commas, and none means nobody', (t) => {
  t.is(namesOrNone('none'), 'none')
  t.deepEqual(namesOrNone('guest'), ['guest'])
  t.deepEqual(namesOrNone('guest, anna'), ['guest', 'anna'])
  t.throws(() => namesOrNone('guest,'), { instanceOf: ValueError })
  t.throws(() => namesOrNone(''), { instanceOf: ValueError })
})
