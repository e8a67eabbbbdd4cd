import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Program, programPath } from '../helpers/program.ts'
import { endChild } from './oracle.ts'

/** Starts the program itself on a free port with a data directory of its own. */
export async function startLeveret(): Promise<{ port: number; stop(): Promise<void> }> {
  const folder = mkdtempSync(join(tmpdir(), 'leveret-differential-'))
  const args = [programPath, 'start', '--port', '0', '--data-dir', join(folder, 'data')]
  const program = new Program(spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] }))
  const stop = async () => {
    await endChild(program.child)
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    await program.ready()
    return { port: program.address().port, stop }
  } catch (error) {
    await stop()
    throw error
  }
}
