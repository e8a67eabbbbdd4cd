/*
 * Records what SDKs and a node say to each other: `node dist/test/amop/record.js NODE_PORT CERTIFICATES_DIR FILE TITLE [PORT]`
 * prints the port that SDKs have to connect to, and records until it is ended. CERTIFICATES_DIR is the node's own, as
 * `leveret amop-certs` makes it.
 */
import { Recorder, recorderFilesIn } from './recorder.ts'

const [nodePort, directory, path, title, port = '0'] = process.argv.slice(2)
if (nodePort === undefined || directory === undefined || path === undefined || title === undefined) {
  throw new Error('usage: record.js NODE_PORT CERTIFICATES_DIR FILE TITLE [PORT]')
}
const recorder = await Recorder.start({
  nodePort: Number(nodePort),
  port: Number(port),
  path,
  title,
  files: recorderFilesIn(directory),
})
console.log(`recording on port ${recorder.port}`)
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void recorder.close())
