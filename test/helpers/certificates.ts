import { readFileSync } from 'node:fs'

// Compiled tests lie in dist/test/helpers; the certificates stay where they are committed.
const folder = new URL('../../../test/helpers/tls/', import.meta.url)
const pem = (name: string): string => readFileSync(new URL(name, folder), 'utf8')

/** Certificates signed by one test authority: a server's for localhost, a client's. See `tls/generate.sh`. */
export const certificates = {
  folder,
  ca: pem('ca.pem'),
  server: { cert: pem('server.pem'), key: pem('server.key.pem') },
  client: { cert: pem('client.pem'), key: pem('client.key.pem') },
} as const
