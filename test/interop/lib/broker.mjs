import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { tail } from './report.mjs'

const program = fileURLToPath(new URL('../../../dist/bin/leveret.js', import.meta.url))
const READY_MS = 15_000
const STOP_MS = 10_000

/** A broker that runs already; nothing of it is started or stopped here. */
export function urlBroker(url) {
  const { hostname, port } = new URL(url)
  return describe(hostname, Number(port || 5672), async () => undefined)
}

function describe(host, port, stop) {
  return { host, port, url: `amqp://guest:guest@${host}:${port}/%2f`, stop }
}

/** Starts `leveret start` on a free port with an empty data directory; `stop` tells what went wrong with it, if anything. */
export async function startLeveret(options = []) {
  const dataDir = mkdtempSync(join(tmpdir(), 'leveret-interop-'))
  const args = [program, 'start', '--bind', '127.0.0.1', '--port', '0', '--data-dir', dataDir, ...options]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  let log = ''
  const ended = new Promise((resolve) => child.on('close', (code, signal) => resolve({ code, signal })))
  const ready = new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`leveret start said nothing within ${READY_MS} ms`)), READY_MS)
    const read = (chunk) => {
      log = (log + chunk).slice(-200_000)
      const line = log.split('\n').find((text) => text.includes('Server startup complete'))
      const port = line && /(?:port\D{0,3}|:)(\d{2,5})\b(?!.*(?:port\D{0,3}|127\.0\.0\.1:)\d)/.exec(line)
      if (!port) return
      clearTimeout(timer)
      resolve(Number(port[1]))
    }
    child.stdout.setEncoding('utf8').on('data', read)
    child.stderr.setEncoding('utf8').on('data', read)
    ended.then(({ code }) => {
      clearTimeout(timer)
      reject(new Error(`leveret start ended with ${code} before it was ready:\n${tail(log, 20)}`))
    })
  })
  let stopped
  const stop = () => {
    stopped ??= stopChild(child, ended).then((fault) => {
      rmSync(dataDir, { recursive: true, force: true })
      return fault && `${fault}\n${tail(log, 30)}`
    })
    return stopped
  }
  try {
    return describe('127.0.0.1', await ready, stop)
  } catch (error) {
    await stop()
    throw error
  }
}

async function stopChild(child, ended) {
  if (child.exitCode !== null || child.signalCode !== null) {
    const { code, signal } = await ended
    return `the broker ended during the suite (exit code ${code}, signal ${signal}); its last lines:`
  }
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS)
  const { code, signal } = await ended
  clearTimeout(timer)
  if (signal) return `the broker did not stop within ${STOP_MS} ms of SIGTERM; its last lines:`
  if (code !== 0) return `the broker ended with exit code ${code} on SIGTERM; its last lines:`
  return undefined
}
