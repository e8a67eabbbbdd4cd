import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { ResultCode } from '../../src/amop/index.ts'
import type { AmopCertificates } from '../../src/index.ts'
import { leveret, type Program, startProgram, temporaryDirectory } from '../helpers/program.ts'
import { connectSdk, type Sdk } from '../helpers/sdk.ts'
import { until } from '../helpers/until.ts'

function readSdk(folder: string): AmopCertificates {
  const read = (name: string): string => readFileSync(join(folder, name), 'utf8')
  return { ca: read('ca.crt'), sdkCert: read('sdk.crt'), sdkKey: read('sdk.key') }
}

/** The ports in the ready line. */
function amopPorts({ stdout }: Program): number[] {
  const [, list = ''] = /Server startup complete.* amop=(\S+)/.exec(stdout) ?? []
  return list.split(',').map((address) => Number(address.slice(address.lastIndexOf(':') + 1)))
}

async function run(t: ExecutionContext, args: readonly string[]): Promise<Program> {
  const program = leveret(t, args)
  await program.exit()
  return program
}

function connect(t: ExecutionContext, program: Program, folder: string): Promise<Sdk> {
  return connectSdk(t, { amopPorts: amopPorts(program), amopCertificates: readSdk(folder) })
}

test.serial('one command starts an AMOP node and says where the files for SDKs are', async (t) => {
  const program = await startProgram(t, ['--amop-port', '0', '--amop-port', '0'])
  const [, folder = ''] = /SDKs connect with the files in (\S+)/.exec(program.stdout) ?? []
  t.true(folder.endsWith(join('data', 'amop', 'sdk')), program.stdout)
  t.is(amopPorts(program).length, 2)
  const sdk = await connect(t, program, folder)
  await sdk.handshake()
  program.child.kill('SIGTERM')
  await sdk.end()
  t.is(await program.exit(), 0)
  t.is(program.stderr, '')
})

test.serial('several ports may stand in the environment, and certificates have a directory of their own', async (t) => {
  const directory = await temporaryDirectory(t)
  const certs = join(directory, 'certs')
  const program = await startProgram(t, [], { LEVERET_AMOP_PORT: '0, 0,0', LEVERET_AMOP_CERTS: certs })
  t.is(amopPorts(program).length, 3)
  await (await connect(t, program, join(certs, 'sdk'))).handshake()
})

test.serial('amop-certs makes what a node and an SDK need, and start takes it', async (t) => {
  const certs = join(await temporaryDirectory(t), 'certs')
  const made = await run(t, ['amop-certs', certs, '--node', 'node.example:20201', '--agency', 'agencyA'])
  t.is(made.exitCode, 0)
  t.true(made.stdout.includes(`leveret start --amop-port 20201 --amop-certs ${certs}`), made.stdout)
  const file = (name: string): string => join(certs, name)
  const program = await startProgram(t, [
    ...[
      '--amop-port',
      '0',
      '--amop-ca',
      file('ca.crt'),
      '--amop-cert',
      file('node.crt'),
      '--amop-key',
      file('node.key'),
    ],
    ...['--amop-check-issuer', 'yes'],
  ])
  await (await connect(t, program, file('sdk'))).handshake()

  const added = await run(t, ['amop-certs', certs, '--add-sdk', 'billing'])
  t.is(added.exitCode, 0, added.stderr)
  await (await connect(t, program, file('billing'))).handshake('billing-program')
  await until('the log names its certificate', () => /clientType=billing-program.*CN=billing/.test(program.stdout))
  t.true(readFileSync(file('billing/go-sdk/config.toml'), 'utf8').includes(file('billing/sdk.crt')))
})

test.serial('SIGHUP reads the permissions again; a broken file keeps the rules and says so', async (t) => {
  const directory = await temporaryDirectory(t)
  const file = join(directory, 'permissions.json')
  const allow = (topic: string): string =>
    JSON.stringify({ rules: [{ subject: 'sdk', publish: topic, subscribe: '*' }] })
  writeFileSync(file, allow('first'))
  const program = await startProgram(t, ['--amop-port', '0', '--amop-permissions', file])
  const [, folder = ''] = /SDKs connect with the files in (\S+)/.exec(program.stdout) ?? []
  const publisher = await connect(t, program, folder)
  const subscriber = await connect(t, program, folder)
  await subscriber.subscribe('first', 'second')
  const mayPublish = async (topic: string): Promise<boolean> => {
    const { result } = await publisher.answer(publisher.multicast(topic, 'x'))
    return result === ResultCode.SUCCESS
  }
  t.deepEqual([await mayPublish('first'), await mayPublish('second')], [true, false])

  writeFileSync(file, allow('second'))
  program.child.kill('SIGHUP')
  await until('it has read them', () => program.stdout.includes('permissions were read again'))
  t.deepEqual([await mayPublish('first'), await mayPublish('second')], [false, true])

  writeFileSync(file, '{ "rules": [ }')
  program.child.kill('SIGHUP')
  await until('it has said so', () => /error amop: permissions stay as they were: .*not JSON/.test(program.stdout))
  t.deepEqual([await mayPublish('first'), await mayPublish('second')], [false, true])
})
