import { Checks } from '../amop/lib/checks.mjs'
import { installSdks } from '../amop/lib/install.mjs'
import { AmopNode } from '../amop/lib/node.mjs'
import { bridge } from '../amop/suites/bridge.mjs'
import { bulk } from '../amop/suites/bulk.mjs'
import { examples } from '../amop/suites/examples.mjs'
import { failover } from '../amop/suites/failover.mjs'
import { malformed } from '../amop/suites/malformed.mjs'
import { matrix } from '../amop/suites/matrix.mjs'
import { offline } from '../amop/suites/offline.mjs'
import { permissions } from '../amop/suites/permissions.mjs'
import { ports } from '../amop/suites/ports.mjs'
import { privateTopics } from '../amop/suites/private.mjs'
import { restart, storm } from '../amop/suites/restart.mjs'
import { SLOW, slow } from '../amop/suites/slow.mjs'
import { stranger } from '../amop/suites/stranger.mjs'

/** Our own client last: it is there always. */
const ALL = ['go', 'java', 'web3', 'ts']

/**
 * A suite over real FISCO BCOS SDKs, with a node of its own that it may end and start again.
 * @param act gets `checks` and `{ sdks, node }`.
 * @param options `node`: how it is started, null when the suite does that itself; `kinds` of SDKs it needs.
 */
function suite(name, about, act, { kinds = ALL, node: options, together = false } = {}) {
  const run = async ({ sdks, missing }) => {
    const checks = new Checks()
    for (const reason of missing) checks.skip(reason)
    const node = options === null ? undefined : await AmopNode.start(options)
    try {
      await act(checks, { sdks, node })
      if (node) await checks.case('the node is there to the end and stops in good order', () => node.halt())
    } catch (error) {
      checks.fail(`${error.stack ?? error}\n${node?.tail() ?? ''}`)
    } finally {
      await node?.discard()
    }
    const { passed, failed, skipped } = checks
    const version = Object.values(sdks)
      .map((sdk) => sdk.version)
      .join(', ')
    return { passed, failed, skipped, version, output: checks.lines.join('\n') }
  }
  return { name, about, install: () => installSdks(kinds), run, ownBroker: true, together }
}

export const amop = [
  suite('amop-stranger', 'each SDK over the files that `leveret amop-certs` writes', stranger, {
    kinds: ['go', 'java', 'web3'],
    node: null,
  }),
  suite('amop-examples', "go-sdk's own example programs", examples, { kinds: ['go'], together: true }),
  suite('amop-matrix', 'each SDK as publisher against each as subscriber', matrix),
  suite('amop-matrix-rsa', 'the same with RSA certificates', matrix, { node: { keyType: 'rsa' } }),
  suite('amop-private', 'private topics of go-sdk, java-sdk and our client', privateTopics, {
    kinds: ['go', 'java', 'ts'],
  }),
  suite('amop-permissions', 'which certificate may do what, read again on SIGHUP', permissions, { node: null }),
  suite('amop-bridge', 'each SDK against an AMQP consumer and publisher', bridge),
  suite('amop-offline', 'queues that hold what an SDK that is away will get', offline),
  suite('amop-ports', 'SDKs with two connections to one node', ports, { node: null }),
  suite('amop-failover', 'subscribers that go away or say nothing with a message in hand', failover),
  suite('amop-slow', 'programs that are frozen with their connection open', slow, { node: { options: SLOW } }),
  suite('amop-malformed', 'frames and connections as no SDK makes them', malformed),
  suite('amop-bulk', '10,000 messages of 300 MiB from each to each, and through a queue', bulk, {
    node: { options: ['--amop-session-timeout', '120000', '--amop-node-timeout', '120000'] },
  }),
  suite('amop-restart', 'the node is stopped and started', restart, { kinds: ['java', 'web3', 'ts'], together: true }),
  suite('amop-storm', "go-sdk's storm of connections after a restart", storm, { kinds: ['go'], together: true }),
]
