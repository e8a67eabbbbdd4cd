import { spawn } from 'node:child_process'

const OUTPUT_CHARACTERS_MAX = 4_000_000

/**
 * Runs a program to its end, or to the end of `limitSeconds`, when it and its children are killed.
 * @returns {Promise<{code: number, output: string, timedOut: boolean}>} output is stdout and stderr as they came.
 */
export function command(program, args, { cwd, env, input, limitSeconds = 120 } = {}) {
  return new Promise((resolve) => {
    // detached: the child leads a process group, so that a time limit also ends what it started.
    const child = spawn(program, args, { cwd, env: { ...process.env, ...env }, detached: true })
    let output = ''
    let timedOut = false
    const collect = (chunk) => {
      if (output.length < OUTPUT_CHARACTERS_MAX) output += chunk
    }
    child.stdout.setEncoding('utf8').on('data', collect)
    child.stderr.setEncoding('utf8').on('data', collect)
    const timer = setTimeout(() => {
      timedOut = true
      killGroup(child.pid)
    }, limitSeconds * 1000)
    child.on('error', (error) => {
      clearTimeout(timer)
      resolve({ code: 127, output: `${output}${program}: ${error.message}\n`, timedOut })
    })
    child.on('close', (code, signal) => {
      clearTimeout(timer)
      if (timedOut) output += `\nended after its limit of ${limitSeconds} s\n`
      else if (signal) output += `\nended by ${signal}\n`
      resolve({ code: code ?? 1, output, timedOut })
    })
    child.stdin.on('error', () => {})
    child.stdin.end(input)
  })
}

function killGroup(pid) {
  try {
    process.kill(-pid, 'SIGKILL')
  } catch (error) {
    if (error.code !== 'ESRCH') throw error
  }
}
