import { command } from './command.mjs'

/** What every program is told about the broker. */
export function brokerEnv({ broker, droppable }) {
  return {
    AMQP_URL: broker.url,
    AMQP_HOST: broker.host,
    AMQP_PORT: String(broker.port),
    AMQP_DROPPABLE_URL: droppable.url,
    AMQP_DROP_CONTROL: droppable.controlUrl,
  }
}

/** Runs one of our programs, which ends with the lines `with: LIBRARY VERSION` and `checks: N`. */
export async function runProgram(program, args, { cwd, env, limitSeconds = 60 }, target) {
  const result = await command(program, args, { cwd, env: { ...brokerEnv(target), ...env }, limitSeconds })
  const checks = Number(/^checks: (\d+)$/m.exec(result.output)?.[1] ?? 0)
  const version = /^with: (.+)$/m.exec(result.output)?.[1] ?? 'unknown version'
  const good = result.code === 0 && checks > 0
  return { passed: checks, failed: good ? 0 : 1, version, output: result.output }
}
