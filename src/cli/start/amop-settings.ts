import { AMOP_RANGES, AMOP_TEXTS, CHOICES, DEFAULT_AMOP_OPTIONS, KEY_TYPES } from '../../server/index.ts'
import {
  byteSize,
  checked,
  duration,
  listOf,
  name,
  notEmpty,
  oneOf,
  wholeNumber,
  yesOrNo,
} from '../settings/parsers.ts'
import type { SettingTable } from '../settings/table.ts'

const { choice, version, chainId, keyType, connectionsPerAddress, reconnectRate } = DEFAULT_AMOP_OPTIONS
const { sessionTimeoutMs, nodeTimeoutMs, outputBytesMax, outputTimeoutMs, bandwidthMbits } = DEFAULT_AMOP_OPTIONS

/** What `leveret start` can be told of its AMOP node; without a port there is none. */
export const AMOP_SETTINGS = {
  amopPort: {
    value: 'PORT',
    help: 'port for FISCO BCOS SDKs (AMOP), usually 20200; may be given more than once',
    repeatable: true,
    parse: listOf(wholeNumber(...AMOP_RANGES.ports)),
  },
  amopBind: { value: 'ADDRESS', help: 'address for it, if not that of --bind', parse: notEmpty('an address') },
  amopCa: {
    value: 'FILE',
    help: "authority of the SDKs' certificates, PEM; given with the next two",
    parse: notEmpty('a file'),
  },
  amopCert: { value: 'FILE', help: "the node's certificate chain, PEM", parse: notEmpty('a file') },
  amopKey: { value: 'FILE', help: "the certificate's private key, PEM", parse: notEmpty('a file') },
  amopCerts: {
    value: 'DIR',
    help: 'where ca.crt, node.crt and node.key are if not given, and made if missing; the folder amop of the data directory if not set',
    parse: notEmpty('a directory'),
  },
  amopKeyType: {
    value: 'TYPE',
    help: 'what is made there: secp256k1 or rsa',
    fallback: keyType,
    parse: oneOf(...KEY_TYPES),
  },
  amopCheckIssuer: {
    value: 'YES|NO',
    help: "take only SDKs of the node's own agency",
    fallback: 'no',
    parse: yesOrNo,
  },
  amopPermissions: {
    value: 'FILE',
    help: 'who may publish and subscribe to which topics, JSON; read again on SIGHUP',
    parse: notEmpty('a file'),
  },
  amopVhost: { value: 'NAME', help: 'virtual host of amq.amop, if not that of --default-vhost', parse: name },
  amopChoice: {
    value: 'HOW',
    help: 'who of several gets a unicast: random, round-robin or least-outstanding',
    fallback: choice,
    parse: oneOf(...CHOICES),
  },
  amopChainId: {
    value: 'ID',
    help: 'chain id that SDKs are told',
    fallback: chainId,
    parse: checked(AMOP_TEXTS.chainId),
  },
  amopVersion: {
    value: 'X.Y.Z',
    help: 'version of FISCO BCOS that SDKs are told',
    fallback: version,
    parse: checked(AMOP_TEXTS.version),
  },
  amopSessionTimeout: {
    value: 'MS',
    help: 'how long one SDK or queue may take to answer a unicast',
    fallback: String(sessionTimeoutMs),
    parse: duration(...AMOP_RANGES.sessionTimeoutMs),
  },
  amopNodeTimeout: {
    value: 'MS',
    help: 'how long all of them together may take',
    fallback: String(nodeTimeoutMs),
    parse: duration(...AMOP_RANGES.nodeTimeoutMs),
  },
  amopOutputMax: {
    value: 'BYTES',
    help: 'what may wait for one slow SDK before it gets no more',
    fallback: String(outputBytesMax),
    parse: byteSize(...AMOP_RANGES.outputBytesMax),
  },
  amopOutputTimeout: {
    value: 'MS',
    help: 'how long that may last before it is dropped',
    fallback: String(outputTimeoutMs),
    parse: duration(...AMOP_RANGES.outputTimeoutMs),
  },
  amopBandwidth: {
    value: 'MBITS',
    help: 'limit of what goes out, in Mbit/s as the C++ node counts; 0 for none',
    fallback: String(bandwidthMbits),
    parse: wholeNumber(...AMOP_RANGES.bandwidthMbits),
  },
  amopConnectionsPerAddress: {
    value: 'COUNT',
    help: 'most connections one address may have; 0 for any number',
    fallback: String(connectionsPerAddress),
    parse: wholeNumber(...AMOP_RANGES.connectionsPerAddress),
  },
  amopReconnectRate: {
    value: 'COUNT',
    help: 'connections a second that one address may begin and end at once; 0 for any number',
    fallback: String(reconnectRate),
    parse: wholeNumber(...AMOP_RANGES.reconnectRate),
  },
  amopPlain: {
    value: 'YES|NO',
    help: 'plain TCP, for tests on this host only',
    fallback: 'no',
    parse: yesOrNo,
  },
} as const satisfies SettingTable
