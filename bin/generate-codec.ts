// Writes src/codec/generated from spec/amqp-0-9-1.json. Run at the root of the repository: npm run generate
import { readFileSync, writeFileSync } from 'node:fs'
import { generateCodec } from './generator/generate.ts'

const spec = JSON.parse(readFileSync('spec/amqp-0-9-1.json', 'utf8'))
for (const { name, text } of generateCodec(spec)) writeFileSync(`src/codec/generated/${name}`, text)
