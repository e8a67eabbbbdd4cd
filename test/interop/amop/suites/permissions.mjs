import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { same } from '../lib/checks.mjs'
import { until } from '../lib/lines.mjs'
import { AmopNode, program } from '../lib/node.mjs'
import { replyOf, Sdk } from '../lib/sdk.mjs'

const BEFORE = {
  rules: [
    { subject: 'billing', publish: 'orders.*', subscribe: 'invoices' },
    { subject: 'sdk', publish: 'invoices', subscribe: ['orders.*', 'invoices', 'news'] },
  ],
}
const AFTER = {
  rules: [
    { subject: 'billing', publish: 'news', subscribe: ['invoices', 'orders.*'] },
    { subject: 'sdk', publish: ['invoices', 'orders.*'], subscribe: ['orders.*', 'news'] },
  ],
}

/** Which certificate may do what, with SDKs that hold two, and rules that change while they are connected. */
export async function permissions(checks, { sdks }) {
  const dir = mkdtempSync(join(tmpdir(), 'leveret-permissions-'))
  const file = join(dir, 'permissions.json')
  const certs = join(dir, 'certs')
  for (const more of [[], ['--add-sdk', 'billing']])
    spawnSync(process.execPath, [program, 'amop-certs', certs, ...more])
  writeFileSync(file, JSON.stringify(BEFORE))
  const node = await AmopNode.start({ options: ['--amop-certs', certs, '--amop-permissions', file] })
  const programs = []
  const connect = async (sdk, name, folder) => {
    const one = new Sdk(sdk, name, node.amop, join(certs, folder))
    programs.push(one)
    await one.connected()
    return one
  }
  try {
    const pairs = await Promise.all(
      Object.values(sdks).map(async (sdk) => ({
        sdk,
        billing: await connect(sdk, `${sdk.kind}-billing`, 'billing'),
        plain: await connect(sdk, `${sdk.kind}-plain`, 'sdk'),
      })),
    )
    for (const { sdk, billing, plain } of pairs) {
      const orders = `orders.${sdk.kind}`
      await checks.case(`${sdk.version} does what its certificate may, and no more`, async () => {
        for (const one of [billing, plain]) for (const topic of [orders, 'invoices']) await one.subscribe(topic)
        same((await billing.unicast(orders, 'one')).data, replyOf(plain.name, 'one'), 'who got the order')
        same((await plain.unicast(orders, 'two')).code, 100, 'code for one who may not publish')
        same((await billing.unicast('invoices', 'three')).code, 100, 'code for the other')
        same((await plain.unicast('invoices', 'four')).code, 0, 'code for one who may')
      })
    }
    writeFileSync(file, JSON.stringify(AFTER))
    process.kill(node.pid, 'SIGHUP')
    await until(() => node.logged(/permissions were read again/).length === 1, 'the line about the new rules')
    for (const { sdk, billing, plain } of pairs) {
      const orders = `orders.${sdk.kind}`
      await checks.case(`new rules hold at once for ${sdk.version}`, async () => {
        same((await billing.unicast(orders, 'five')).code, 100, 'code for one who may not any more')
        await plain.multicast(orders, 'six')
        // One may listen to it only now; the other has had an order before.
        same((await billing.received(orders, 1)).length, 1, 'orders of the one')
        same((await plain.received(orders, 2)).length, 2, 'orders of the other')
      })
    }
    await checks.case('rules that are wrong change nothing', async () => {
      writeFileSync(file, '{"rules": [{"who": 1}]}')
      process.kill(node.pid, 'SIGHUP')
      await until(() => node.logged(/permissions stay as they were/).length === 1, 'the line about the wrong rules')
      const [{ sdk, plain }] = pairs
      same((await plain.unicast(`orders.${sdk.kind}`, 'seven')).code, 0, 'code')
    })
    await checks.case('the node stops in good order', () => node.halt())
  } finally {
    await Promise.all(programs.map((one) => one.stop()))
    await node.discard()
    rmSync(dir, { recursive: true, force: true })
  }
}
