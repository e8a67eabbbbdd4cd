import test from 'ava'
import fc from 'fast-check'
import { Bindings, exchangeOf } from './support.ts'

function topicWith(...patterns: string[]): Bindings {
  const bindings = new Bindings(exchangeOf('topic'))
  for (const pattern of patterns) bindings.bind(`[${pattern}]`, pattern)
  return bindings
}

/** Which of the patterns a key matches. */
function matches(key: string, ...patterns: string[]): string[] {
  return topicWith(...patterns)
    .routeKey(key)
    .map((name) => name.slice(1, -1))
    .sort()
}

test('a binding key without wildcards matches the same key only', (t) => {
  t.deepEqual(matches('a.b', 'a.b', 'a', 'b', 'a.b.c', 'a.B', 'ab', 'a..b'), ['a.b'])
})

test('a star stands for exactly one word', (t) => {
  t.deepEqual(matches('a.b.c', 'a.*.c', '*.*.*', '*.b.*', 'a.*', '*.*', '*.*.*.*', '*'), ['*.*.*', '*.b.*', 'a.*.c'])
})

test('a hash stands for zero words', (t) => {
  t.deepEqual(matches('a', 'a.#', '#.a', '#.a.#', 'a.#.#', '#.#'), ['#.#', '#.a', '#.a.#', 'a.#', 'a.#.#'])
  t.deepEqual(matches('a.c', 'a.#.c', 'a.#.#.c', '#.a.#.c.#'), ['#.a.#.c.#', 'a.#.#.c', 'a.#.c'])
})

test('a hash stands for one word and for many', (t) => {
  t.deepEqual(matches('a.b', 'a.#', '#', '#.b'), ['#', '#.b', 'a.#'])
  t.deepEqual(matches('a.b.c.d', 'a.#', '#', 'a.#.d', '#.c.#', 'b.#', '#.c'), ['#', '#.c.#', 'a.#', 'a.#.d'])
})

test('a hash and a star together stand for one word or more', (t) => {
  for (const pattern of ['#.*', '*.#', '#.*.#']) {
    t.deepEqual(matches('', pattern), [])
    t.deepEqual(matches('a', pattern), [pattern])
    t.deepEqual(matches('a.b.c', pattern), [pattern])
  }
})

test('the empty key is zero words, matched by hashes and by the empty binding key', (t) => {
  t.deepEqual(matches('', '#', '#.#', '', '*', '*.#', '#.*', 'a', '*.*'), ['', '#', '#.#'])
})

test('the empty binding key matches the empty key only', (t) => {
  t.deepEqual(matches('.', ''), [])
  t.deepEqual(matches('a', ''), [])
})

test('two dots in a row have an empty word between them, which a star matches', (t) => {
  t.deepEqual(matches('a..c', 'a.*.c', 'a..c', 'a.c', 'a.#.c', 'a.#', '*.c'), ['a.#', 'a.#.c', 'a.*.c', 'a..c'])
})

test('a single dot is two empty words', (t) => {
  t.deepEqual(matches('.', '*.*', '*', '#', '.', ''), ['#', '*.*', '.'])
})

test('a trailing or leading dot adds an empty word', (t) => {
  t.deepEqual(matches('a.', '*.*', 'a.*', 'a', 'a.#', 'a.'), ['*.*', 'a.', 'a.#', 'a.*'])
  t.deepEqual(matches('.a', '*.*', '*.a', 'a', '#.a', '.a'), ['#.a', '*.*', '*.a', '.a'])
})

test('a wildcard next to other characters is a literal word', (t) => {
  t.deepEqual(matches('a#', 'a#', 'a.#', 'a*'), ['a#'])
  t.deepEqual(matches('a.**', 'a.**', 'a.*'), ['a.*', 'a.**'])
  t.deepEqual(matches('a.b', 'a#', 'a.**', '##'), [])
})

test('wildcards in a routing key are words like others', (t) => {
  t.deepEqual(matches('*', '*', 'a', '#'), ['#', '*'])
  t.deepEqual(matches('#', '*', 'a', '#', '*.*'), ['#', '*'])
  t.deepEqual(matches('a.*', 'a.b', 'a.*'), ['a.*'])
})

test('words are compared by characters, names of object members among them', (t) => {
  t.deepEqual(matches('constructor.__proto__', 'constructor.__proto__', '*.toString'), ['constructor.__proto__'])
  t.deepEqual(matches('größe.€', '*.€', 'grosse.#'), ['*.€'])
})

test('a message follows a binding once, however many ways through the pattern there are', (t) => {
  const bindings = topicWith('#.#.#')
  const followed: string[] = []
  const { router } = bindings.exchange
  const message = { routingKey: 'a.a.a' } as never
  router.route('a.a.a', message, { add: (binding) => followed.push(binding.routingKey), addOutlet: () => {} })
  t.deepEqual(followed, ['#.#.#'])
})

test('several bindings with one key lead to all their destinations until each is removed', (t) => {
  const bindings = new Bindings(exchangeOf('topic'))
  for (const name of ['q1', 'q2', 'q3']) bindings.bind(name, 'a.*')
  t.deepEqual(bindings.routeKey('a.b'), ['q1', 'q2', 'q3'])
  bindings.unbind('q2', 'a.*')
  t.deepEqual(bindings.routeKey('a.b'), ['q1', 'q3'])
  bindings.unbind('q1', 'a.*')
  t.deepEqual(bindings.routeKey('a.b'), ['q3'])
  bindings.unbind('q3', 'a.*')
  t.deepEqual(bindings.routeKey('a.b'), [])
})

test('removing a binding leaves those whose keys begin with its key, and those its key begins with', (t) => {
  const bindings = topicWith('a', 'a.b', 'a.b.c')
  bindings.unbind('[a.b]', 'a.b')
  t.deepEqual(bindings.routeKey('a'), ['[a]'])
  t.deepEqual(bindings.routeKey('a.b'), [])
  t.deepEqual(bindings.routeKey('a.b.c'), ['[a.b.c]'])
})

test('a key of 128 words against 63 hashes is routed without trying every way to share the words out', (t) => {
  const words = Array.from({ length: 127 }, () => 'a')
  const pattern = Array.from({ length: 63 }, () => '#.a').join('.')
  const bindings = topicWith(`${pattern}`, `${pattern}.b`)
  t.deepEqual(bindings.routeKey(words.join('.')), [`[${pattern}]`])
  t.deepEqual(bindings.routeKey(`${words.join('.')}.b`), [`[${pattern}.b]`])
})

test('ten thousand patterns are added and removed one by one', (t) => {
  const bindings = new Bindings(exchangeOf('topic'))
  const patterns = Array.from({ length: 10_000 }, (_, i) => (i % 2 === 0 ? `s${i}.*.t` : `s${i}.#`))
  for (const pattern of patterns) bindings.bind('q', pattern)
  t.is(bindings.exchange.bindings.size, 10_000)
  t.deepEqual(bindings.routeKey('s4000.x.t'), ['q'])
  t.deepEqual(bindings.routeKey('s4001'), ['q'])
  for (const pattern of patterns) t.true(bindings.unbind('q', pattern))
  t.is(bindings.exchange.bindings.size, 0)
  t.deepEqual(bindings.routeKey('s4001'), [])
})

/** The definition, word for word. */
function follows(pattern: string[], key: string[]): boolean {
  const [first, ...rest] = pattern
  if (first === undefined) return key.length === 0
  if (first === '#') return key.some((_, i) => follows(rest, key.slice(i))) || follows(rest, [])
  return key.length > 0 && (first === '*' || first === key[0]) && follows(rest, key.slice(1))
}

function wordsOf(key: string): string[] {
  return key === '' ? [] : key.split('.')
}

test('the trie agrees with the definition while random patterns are bound and unbound', (t) => {
  const pattern = fc
    .array(fc.constantFrom('a', 'b', '', '*', '#', '#'), { maxLength: 5 })
    .map((words) => words.join('.'))
  const key = fc.array(fc.constantFrom('a', 'b', '', '*', '#'), { maxLength: 6 }).map((words) => words.join('.'))
  const step = fc.oneof(
    { weight: 3, arbitrary: fc.record({ what: fc.constant('bind' as const), text: pattern }) },
    { weight: 2, arbitrary: fc.record({ what: fc.constant('unbind' as const), text: fc.nat() }) },
    { weight: 4, arbitrary: fc.record({ what: fc.constant('route' as const), text: key }) },
  )
  let routed = 0
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const bindings = new Bindings(exchangeOf('topic'))
      const bound: string[] = []
      for (const { what, text } of steps) {
        if (what === 'bind') {
          if (bindings.bind(`[${text}]`, text)) bound.push(text)
        } else if (what === 'unbind') {
          const [removed] = bound.splice(text % (bound.length || 1), 1)
          if (removed !== undefined) bindings.unbind(`[${removed}]`, removed)
        } else {
          const expected = bound.filter((candidate) => follows(wordsOf(candidate), wordsOf(text)))
          routed += expected.length
          t.deepEqual(bindings.routeKey(text), expected.map((name) => `[${name}]`).sort())
        }
      }
    }),
    { numRuns: 500 },
  )
  t.true(routed > 100, 'the patterns and keys were made so that many match')
})
