/*
 * A bare TLS server that sends back what comes: what the machine's TLS can do without a broker. `node echo-server.js PORT
 * CERTS_DIRECTORY` runs until it is ended.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createServer } from 'node:tls'
import { AMOP_GROUPS } from '../../src/net/amop-tls.ts'

const [port, directory = ''] = process.argv.slice(2)
const read = (name: string): Buffer => readFileSync(join(directory, name))
const server = createServer(
  {
    ca: read('ca.crt'),
    cert: read('node.crt'),
    key: read('node.key'),
    requestCert: true,
    ecdhCurve: AMOP_GROUPS,
    maxVersion: 'TLSv1.2',
    noDelay: true,
  },
  (socket) => {
    socket.on('error', () => {})
    socket.pipe(socket)
  },
)
server.listen({ host: '127.0.0.1', port: Number(port) })
