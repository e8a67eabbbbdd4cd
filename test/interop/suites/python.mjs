import { join } from 'node:path'
import { cached, interopDir } from '../lib/cache.mjs'
import { command } from '../lib/command.mjs'
import { runProgram } from '../lib/program.mjs'
import { CannotInstall } from '../lib/skip.mjs'

const source = join(interopDir, 'python')
const requirements = join(source, 'requirements.txt')

/** The virtual environment that all Python suites share; returns its bin folder. */
export async function pythonEnvironment() {
  const dir = await cached('venv', [requirements], async (target) => {
    const venv = await command('python3', ['-m', 'venv', target])
    if (venv.code !== 0) throw new CannotInstall(`python3 -m venv failed: ${venv.output}`)
    const pip = await command(join(target, 'bin/pip'), ['install', '--quiet', '-r', requirements], {
      limitSeconds: 400,
    })
    if (pip.code !== 0) throw new CannotInstall(`pip install failed: ${pip.output}`)
  })
  return join(dir, 'bin')
}

function suite(name, file, about, limitSeconds = 60) {
  const run = (bin, target) =>
    runProgram(
      join(bin, 'python'),
      [file],
      { cwd: source, env: { PYTHONDONTWRITEBYTECODE: '1' }, limitSeconds },
      target,
    )
  return { name, about, install: pythonEnvironment, run }
}

export const python = [
  suite('python-pika', 'pika_blocking.py', "pika's BlockingConnection"),
  suite('python-pika-select', 'pika_select.py', "pika's SelectConnection and asyncio adapter"),
  suite('python-aio-pika', 'aio_pika_work.py', 'aio-pika with its RPC and Master patterns and connect_robust'),
  suite('python-kombu', 'kombu_work.py', 'kombu producers, consumers and ConsumerMixin'),
  suite('python-celery', 'celery_work.py', 'a Celery worker process with results, retries and ETA tasks', 120),
]
