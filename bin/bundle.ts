/**
 * Puts what each program and each door of the package loads into a few files: two hundred modules on their own take Node
 * longer than all else that a start does. What is imported only when needed stays apart. Run by `npm run build`, after tsc
 * has compiled everything for the tests and written the types.
 */
import { chmod, rm } from 'node:fs/promises'
import { build } from 'esbuild'

const PROGRAMS = ['bin/leveret', 'bin/leveret-perf']

await rm('dist/chunks', { recursive: true, force: true })
await build({
  entryPoints: [
    ...PROGRAMS.map((program) => ({ in: `${program}.ts`, out: program })),
    { in: 'src/index.ts', out: 'lib/index' },
    { in: 'src/amop-client.ts', out: 'lib/amop-client' },
  ],
  outdir: 'dist',
  chunkNames: 'chunks/[name]-[hash]',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  packages: 'external',
  sourcemap: true,
  logLevel: 'warning',
})
for (const program of PROGRAMS) await chmod(`dist/${program}.js`, 0o755)
