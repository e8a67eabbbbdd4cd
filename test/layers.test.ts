import { readdirSync, readFileSync } from 'node:fs'
import { join, relative, sep } from 'node:path'
import test from 'ava'

// ava runs at the root of the repository.
const SRC = join(process.cwd(), 'src')

/** Which rooms each room may import; a room that is missing here may not exist. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  base: [],
  codec: [],
  store: ['base'],
  broker: ['base', 'codec', 'store'],
  // The codec, for AMQPLAIN: its response is the inside of a field table.
  auth: ['base', 'codec', 'store'],
  definitions: ['broker', 'auth'],
  // The store's interfaces: a confirm waits for the journal.
  amqp: ['base', 'codec', 'store', 'broker', 'auth'],
  amop: ['base', 'codec', 'broker', 'auth', 'peer'],
  peer: ['base'],
  cluster: ['base', 'store', 'broker', 'definitions'],
  http: ['base', 'broker', 'auth', 'definitions', 'amop', 'peer'],
  net: ['base', 'amqp', 'amop', 'http', 'peer'],
  server: ['base', 'codec', 'store', 'broker', 'auth', 'definitions', 'amqp', 'amop', 'peer', 'cluster', 'http', 'net'],
  cli: ['base', 'server', 'codec', 'store', 'amop', 'net', 'http'],
  // src/index.ts and src/amop-client.ts, the doors of the package.
  '': ['base', 'broker', 'amop', 'net', 'server'],
}

const SOCKETS = /^(node:)?(net|tls|dgram|http|https|http2)$|^ws$|^@grpc\//
const FILES = /^(node:)?fs(\/promises)?$/
const MAY_OPEN_SOCKETS = ['net', 'cli', 'cluster']
// The door of the AMOP client reads its certificates; the server, which is where files are read, is not loaded for it.
const MAY_OPEN_FILES = ['store', 'server', 'cli', '']
/** Rooms that have no dependency beyond Node. */
const WITHOUT_PACKAGES = ['base', 'codec', 'store', 'broker', 'auth', 'amqp', 'net', '']

interface Import {
  /** Path below src, with slashes. */
  readonly file: string
  readonly room: string
  readonly specifier: string
}

/** Every import, export-from and import() of a file, types too. */
function specifiersOf(text: string): string[] {
  const withoutComments = text.replace(/\/\*[\s\S]*?\*\/|(?<![:'"`\\])\/\/.*/g, '')
  const found = withoutComments.matchAll(/\bfrom\s*['"]([^'"]+)['"]|\bimport\s*\(?\s*['"]([^'"]+)['"]/g)
  return [...found].map(([, from, imported]) => (from ?? imported) as string)
}

function importsOfSource(): Import[] {
  const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'))
  return files.flatMap((native) => {
    const file = native.split(sep).join('/')
    const specifiers = specifiersOf(readFileSync(join(SRC, native), 'utf8'))
    return specifiers.map((specifier) => ({ file, room: roomOf(file), specifier }))
  })
}

function roomOf(file: string): string {
  return file.includes('/') ? (file.split('/')[0] as string) : ''
}

/** Path below src that a relative import leads to. */
function targetOf({ file, specifier }: Import): string {
  return relative(SRC, join(SRC, file, '..', specifier))
    .split(sep)
    .join('/')
}

const imports = importsOfSource()
const relatives = imports.filter(({ specifier }) => specifier.startsWith('.'))
const arrow = ({ file, specifier }: Import): string => `${file} imports ${specifier}`

test('the imports of src are found', (t) => {
  t.true(imports.length > 200, `${imports.length} imports`)
  t.deepEqual(
    specifiersOf(
      `import a from 'a'\nexport * from "b"\nimport type { C } from './c.ts'\nawait import('d')\nimport 'e'`,
    ),
    ['a', 'b', './c.ts', 'd', 'e'],
  )
  t.deepEqual(specifiersOf(`// import a from 'a'\n/* from 'b' */\nconst url = 'http://from'`), [])
})

test('imports between rooms point down, as the table says', (t) => {
  const upward = relatives.filter((entry) => {
    const target = roomOf(targetOf(entry))
    return target !== entry.room && !MAY_IMPORT[entry.room]?.includes(target)
  })
  t.deepEqual(upward.map(arrow), [])
})

test('a room is entered through its door, from outside only', (t) => {
  const wrong = relatives.filter((entry) => {
    const target = targetOf(entry)
    const room = roomOf(target)
    if (entry.file === `${room}/index.ts`) return false
    const throughDoor = target === `${room}/index.ts`
    return room === entry.room ? throughDoor && room !== '' : !throughDoor
  })
  t.deepEqual(wrong.map(arrow), [])
})

test('every room is in the table', (t) => {
  const rooms = new Set(imports.map(({ room }) => room))
  t.deepEqual(
    [...rooms].filter((room) => !(room in MAY_IMPORT)),
    [],
  )
})

test('only net opens sockets, clients of the command line excepted', (t) => {
  const wrong = imports.filter(({ room, specifier }) => SOCKETS.test(specifier) && !MAY_OPEN_SOCKETS.includes(room))
  t.deepEqual(wrong.map(arrow), [])
})

test('only store, server, cli and the doors of the package open files', (t) => {
  const wrong = imports.filter(({ room, specifier }) => FILES.test(specifier) && !MAY_OPEN_FILES.includes(room))
  t.deepEqual(wrong.map(arrow), [])
})

test('the rooms below server need nothing but Node', (t) => {
  const wrong = imports.filter(
    ({ room, specifier }) =>
      WITHOUT_PACKAGES.includes(room) && !specifier.startsWith('.') && !specifier.startsWith('node:'),
  )
  t.deepEqual(wrong.map(arrow), [])
})

test('nothing below cli and server waits for commander or winston', (t) => {
  const where = (name: string): string[] =>
    imports.filter(({ specifier }) => specifier === name).map(({ room }) => room)
  t.deepEqual([...new Set(where('commander'))], ['cli'])
  t.deepEqual([...new Set(where('winston'))], ['server'])
})

/** The rooms of a compiled file and of all that it loads with it, `import()` excepted. */
function roomsLoadedBy(file: string): Set<string> {
  const compiled = join(process.cwd(), 'dist', 'src')
  const loaded = new Set([join(compiled, file)])
  for (const path of loaded) {
    const text = readFileSync(path, 'utf8')
    for (const [, specifier = ''] of text.matchAll(/^(?:import|export)\b[^'"();=]*['"](\.[^'"]+)['"]/gm)) {
      loaded.add(join(path, '..', specifier))
    }
  }
  return new Set([...loaded].map((path) => roomOf(relative(compiled, path).split(sep).join('/'))))
}

test('a client of AMOP loads nothing of the broker', (t) => {
  t.deepEqual([...roomsLoadedBy('amop-client.js')].sort(), ['', 'amop', 'base', 'net'])
  t.true(roomsLoadedBy('index.js').has('broker'))
})
