import assert from 'node:assert/strict'
import { createRequire } from 'node:module'

let checks = 0

/** One thing that must hold; counted, so that the run can say how many did. */
export function check(condition, what) {
  assert.ok(condition, what)
  checks += 1
}

export function same(actual, expected, what) {
  assert.deepEqual(actual, expected, what)
  checks += 1
}

/** Waits for something the broker does in its own time, such as dead-lettering. */
export async function until(what, condition, limitMs = 10_000) {
  const end = Date.now() + limitMs
  for (;;) {
    const value = await condition()
    if (value) return value
    if (Date.now() > end) assert.fail(`waited ${limitMs} ms in vain: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

export function within(promise, what, limitMs = 10_000) {
  let timer
  const limit = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited ${limitMs} ms in vain: ${what}`)), limitMs)
  })
  return Promise.race([promise, limit]).finally(() => clearTimeout(timer))
}

export const unique = (name) => `${name}-${process.pid}-${Math.random().toString(36).slice(2, 8)}`
export const url = process.env.AMQP_URL
export const droppableUrl = process.env.AMQP_DROPPABLE_URL

export async function dropConnections() {
  await fetch(process.env.AMQP_DROP_CONTROL, { method: 'DELETE' })
}

/** Runs the program's steps and prints the closing lines that the run reads. */
export async function program(library, steps) {
  const { version } = createRequire(import.meta.url)(`./node_modules/${library}/package.json`)
  try {
    for (const [name, step] of Object.entries(steps)) {
      console.log(`# ${name}`)
      await step()
    }
  } catch (error) {
    console.error(error.stack)
    process.exit(1)
  }
  console.log(`with: ${library} ${version}\nchecks: ${checks}`)
  process.exit(0)
}
