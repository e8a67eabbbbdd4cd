import { createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto'
import test from 'ava'
import { privateKeyBytes, publicKeyHex } from '../../src/amop/client/keys.ts'
import { newChallenge, signChallenge, signerOf } from '../../src/amop/client/signature.ts'
import { AmopError, type AmopKey, generateKeyPair, PacketType } from '../../src/amop/index.ts'
import { until } from '../helpers/until.ts'
import { connectedToAll, MemoryNetwork, settle } from './client-harness.ts'

/** go-sdk v1.1.1: the key pair of examples/amop_auth, and what its `crypto.Sign` makes of these challenges with it. */
const EXAMPLE_PRIVATE = 'b8ac1f6be271cd4ad5644615dea54823f7fa5d860fb8d3ae8b24141d9f1b9486'
const EXAMPLE_PUBLIC =
  '7cd0596006e3c0549482d010735303f25d6c308ef66643b63deef0a382a7620556eb49641cb3d45f4901a068a5e68475f8ba3b03a1bc785e84fe6490d66df365'
const EXAMPLE_SIGNATURES: readonly [challenge: string, signature: string][] = [
  [
    '3031323334353637383961626364656630313233343536373839616263646566',
    '8e79b13b3c5e6687bc561bcfc5e3c76d00e63ac46716ddf325e92831666f50a32441a2ffadbd8874faacab62254353adeeabfcc99bb2ca49be47d547abd6637900',
  ],
  [
    '0201',
    '0d0bf71a341dd8b68ed2bbdd5c95a36e07e3be72de4dc80054777acffb83c2911e171217a97d75c18da7f0f9c038864201c481775c3922e2a28592b4bbf48d8f00',
  ],
]

function network(nodes = 1): MemoryNetwork {
  const net = new MemoryNetwork()
  for (let i = 0; i < nodes; i++) net.addNode()
  return net
}

test('a private topic: the subscriber with the right key gets the messages, and answers', async (t) => {
  const net = network()
  const keys = generateKeyPair()
  const publisher = await net.connect(t)
  const subscriber = await net.connect(t)
  const verified: string[][] = []
  publisher.on('verified', (...details) => verified.push(details))
  await publisher.publishPrivate('secret', [generateKeyPair().publicKey, keys.publicKey])
  const seen: string[] = []
  await subscriber.subscribePrivate('secret', keys.privateKey, ({ topic, data, multicast }) => {
    seen.push(`${topic} ${data} ${multicast}`)
    return 'received'
  })
  await until('the subscriber is verified', () => verified.length === 1)
  t.deepEqual(verified, [['secret', publicKeyHex(keys.publicKey), 'node1:20200']])
  t.is((await publisher.unicastPrivate('secret', 'one')).toString(), 'received')
  await publisher.multicastPrivate('secret', 'all')
  await settle()
  t.deepEqual(seen, ['secret one false', 'secret all true'])
})

test('the other order works too: first the subscriber, then the publisher', async (t) => {
  const net = network()
  const keys = generateKeyPair()
  const subscriber = await net.connect(t)
  await subscriber.subscribePrivate('secret', keys.privateKey, () => 'received')
  const publisher = await net.connect(t)
  await publisher.publishPrivate('secret', [keys.publicKey])
  await settle()
  t.is((await publisher.unicastPrivate('secret', 'x')).toString(), 'received')
})

test('a subscriber with another key gets nothing', async (t) => {
  const net = network()
  const publisher = await net.connect(t)
  const stranger = await net.connect(t)
  const refused: string[][] = []
  publisher.on('refused', (...details) => refused.push(details))
  await publisher.publishPrivate('secret', [generateKeyPair().publicKey])
  const seen: string[] = []
  await stranger.subscribePrivate('secret', generateKeyPair().privateKey, ({ data }) => void seen.push(`${data}`))
  await until('the stranger is refused', () => refused.length === 1)
  t.deepEqual(refused, [['secret', 'node1:20200']])
  const error = (await t.throwsAsync(publisher.unicastPrivate('secret', 'x'), { instanceOf: AmopError })) as AmopError
  t.is(error.code, 100)
  t.is(error.topic, 'secret')
  await publisher.multicastPrivate('secret', 'x')
  await settle()
  t.deepEqual(seen, [])
})

test('after a node was restarted the subscriber is verified again', async (t) => {
  const net = network()
  const keys = generateKeyPair()
  const publisher = await net.connect(t)
  const subscriber = await net.connect(t)
  let verified = 0
  publisher.on('verified', () => verified++)
  await publisher.publishPrivate('secret', [keys.publicKey])
  await subscriber.subscribePrivate('secret', keys.privateKey, () => 'received')
  await until('the subscriber is verified', () => verified === 1)
  net.nodes[0]?.stop()
  await settle()
  net.nodes[0]?.start()
  await until('the subscriber is verified again', async () => {
    net.advance(200)
    await settle()
    return verified === 2
  })
  t.is((await publisher.unicastPrivate('secret', 'x')).toString(), 'received')
})

test('each node verifies for itself, over its own connection', async (t) => {
  const net = network(2)
  const keys = generateKeyPair()
  const publisher = await net.connect(t)
  const subscriber = await net.connect(t)
  for (const client of [publisher, subscriber]) {
    await connectedToAll(client)
  }
  const nodes: string[] = []
  publisher.on('verified', (_topic, _key, node) => nodes.push(node))
  await publisher.publishPrivate('secret', [keys.publicKey])
  await subscriber.subscribePrivate('secret', keys.privateKey, () => {})
  await until('both nodes have asked', () => nodes.length === 2)
  t.deepEqual(nodes.sort(), ['node1:20200', 'node2:20200'])
})

test('a topic that is no longer published or subscribed to is left', async (t) => {
  const net = network()
  const keys = generateKeyPair()
  const client = await net.connect(t)
  await client.publishPrivate('secret', [keys.publicKey])
  await client.subscribePrivate('secret', keys.privateKey, () => {})
  const [session] = net.nodes[0]?.amop.context.sessions ?? []
  t.is(session?.topics.size, 3)
  await t.throwsAsync(
    client.subscribePrivate('secret', keys.privateKey, () => {}),
    { message: "topic 'secret' has a handler; unsubscribe it first" },
  )
  t.true(await client.unsubscribePrivate('secret'))
  t.false(await client.unsubscribePrivate('secret'))
  t.true(await client.unpublishPrivate('secret'))
  t.false(await client.unpublishPrivate('secret'))
  t.deepEqual([...(session?.topics ?? [])], [])
})

test('names on the wire are those of the SDKs', async (t) => {
  const net = network()
  const keys = generateKeyPair()
  const client = await net.connect(t)
  await client.subscribePrivate('T', keys.privateKey, () => {})
  const [session] = net.nodes[0]?.amop.context.sessions ?? []
  const subscribed = [...(session?.topics ?? [])]
  t.is(subscribed[0], '#!$TopicNeedVerify_T')
  t.regex(subscribed[1] ?? '', /^#!\$VerifyChannel_#!\$TopicNeedVerify_T_[0-9a-f]{32}$/)
  await client.publishPrivate('T', [])
  t.is([...(session?.topics ?? [])][2], '#!$PushChannel_#!$TopicNeedVerify_T')
  // Kept from one announcement to the next, as go-sdk does it.
  t.is([...(session?.topics ?? [])][1], subscribed[1])
})

test('a private topic has at most 185 bytes of UTF-8', async (t) => {
  const net = network()
  const keys = generateKeyPair()
  const client = await net.connect(t)
  const longest = 'x'.repeat(185)
  await client.publishPrivate(longest, [keys.publicKey])
  await client.subscribePrivate(longest, keys.privateKey, () => 'received')
  await settle()
  t.is((await client.unicastPrivate(longest, 'x')).toString(), 'received')
  const refused = { instanceOf: RangeError, message: /^a private topic has at most 185 bytes of UTF-8, .* has 186$/ }
  await t.throwsAsync(client.publishPrivate(`${longest}x`, []), refused)
  await t.throwsAsync(
    client.subscribePrivate(`${longest}x`, keys.privateKey, () => {}),
    refused,
  )
  await t.throwsAsync(client.unicastPrivate(`${longest}x`, ''), refused)
})

test('a publisher acknowledges a request for verification with an empty 0x37, challenges, and says the result', async (t) => {
  const net = network()
  const [node] = net.nodes
  const keys = generateKeyPair()
  const client = await net.connect(t)
  await client.publishPrivate('T', [keys.publicKey])
  const [session] = node?.amop.context.sessions ?? []
  const said: { type: number; seq: string; body: string }[] = []
  const receive = session?.receive.bind(session)
  if (session) {
    session.receive = (chunk: Buffer) => {
      const type = chunk.readUInt16BE(4)
      said.push({ type, seq: chunk.toString('latin1', 6, 38), body: chunk.toString('latin1', 42) })
      receive?.(chunk)
    }
  }
  const subscriber = node?.amop.connect()
  const challengeTopic = `#!$VerifyChannel_#!$TopicNeedVerify_T_${'0'.repeat(32)}`
  subscriber?.subscribe('#!$TopicNeedVerify_T', challengeTopic)
  await settle()
  const challenge = subscriber?.expectUnicast()
  t.is(challenge?.topic, challengeTopic)
  t.regex(challenge?.text ?? '', /^[0-9a-f]{32}$/)
  const signature = signChallenge(Buffer.from(challenge?.text ?? ''), privateKeyBytes(keys.privateKey))
  if (challenge) subscriber?.answer(challenge, signature)
  await settle()
  const spoken = said.filter(({ type }) => type !== PacketType.HEARTBEAT)
  t.deepEqual(
    spoken.map(({ type }) => type),
    [PacketType.VERIFY_REQUEST, PacketType.UNICAST, PacketType.VERIFY_RESULT],
  )
  t.is(spoken[0]?.body, '')
  const verdict = JSON.parse(spoken[2]?.body ?? '')
  t.is(verdict.checkResult, 0)
  t.is(verdict.topic, '#!$TopicNeedVerify_T')
  t.regex(verdict.nodeId, /^[0-9a-f]{128}$/)
})

test('a request about a topic that is not published, or with a name that is no challenge, is only acknowledged', async (t) => {
  const net = network()
  const [node] = net.nodes
  const client = await net.connect(t)
  await client.publishPrivate('T', [])
  const [session] = node?.amop.context.sessions ?? []
  const other = node?.amop.subscriber('bank', '#!$VerifyChannel_#!$TopicNeedVerify_U_1')
  const V = '#!$TopicNeedVerify_'
  for (const request of [
    { nodeId: 'n', topic: `${V}U`, topicForCert: `#!$VerifyChannel_${V}U_1` },
    { nodeId: 'n', topic: `${V}T`, topicForCert: 'bank' },
    { nodeId: 1, topic: `${V}T`, topicForCert: `#!$VerifyChannel_${V}T_1` },
    [],
  ]) {
    t.true(session?.requestVerification(Buffer.from(JSON.stringify(request))))
  }
  await settle()
  other?.expectNothing()
  t.true(client.nodes[0]?.connected)
})

test('a subscriber signs no challenge that could be something else: over 64 bytes', async (t) => {
  const net = network()
  const keys = generateKeyPair()
  const client = await net.connect(t)
  await client.subscribePrivate('T', keys.privateKey, () => {})
  const [session] = net.nodes[0]?.amop.context.sessions ?? []
  const challengeTopic = [...(session?.topics ?? [])].find((topic) => topic.startsWith('#!$VerifyChannel_')) ?? ''
  const stranger = net.nodes[0]?.amop.connect()
  const seqs = [17, 32, 64, 65, 200].map((bytes) => stranger?.unicast(challengeTopic, Buffer.alloc(bytes, 1)))
  await settle()
  t.deepEqual(
    seqs.map((seq) => stranger?.expectAnswer(seq ?? '').result),
    [0, 0, 0, 1, 1],
  )
})

test('signatures are those of go-sdk, byte for byte', (t) => {
  for (const [hex, signature] of EXAMPLE_SIGNATURES) {
    const challenge = Buffer.from(hex, 'hex')
    t.is(signChallenge(challenge, privateKeyBytes(EXAMPLE_PRIVATE)).toString('hex'), signature)
    t.is(signerOf(challenge, Buffer.from(signature, 'hex')), EXAMPLE_PUBLIC)
    t.not(signerOf(Buffer.from('another'), Buffer.from(signature, 'hex')), EXAMPLE_PUBLIC)
  }
})

function pointOf(hex: string): { x: string; y: string } {
  const point = Buffer.from(hex, 'hex')
  return { x: point.toString('base64url', 0, 32), y: point.toString('base64url', 32) }
}

test('v may be 27 or 28, and what is no signature has no signer', (t) => {
  const { privateKey, publicKey } = generateKeyPair()
  const key = privateKeyBytes(privateKey)
  for (let i = 0; i < 20; i++) {
    const challenge = newChallenge()
    const signature = signChallenge(challenge, key)
    t.is(signerOf(challenge, signature), publicKeyHex(publicKey))
    const old = Buffer.from(signature)
    old[64] = (old[64] as number) + 27
    t.is(signerOf(challenge, old), publicKeyHex(publicKey))
    const other = Buffer.from(signature)
    other[64] = 1 - (other[64] as number)
    t.not(signerOf(challenge, other), publicKeyHex(publicKey))
  }
  const challenge = newChallenge()
  for (const bytes of [
    Buffer.alloc(0),
    Buffer.alloc(64),
    Buffer.alloc(65),
    Buffer.alloc(66),
    Buffer.alloc(65, 0xff),
    Buffer.concat([Buffer.alloc(64, 1), Buffer.of(2)]),
    Buffer.concat([Buffer.alloc(64, 1), Buffer.of(29)]),
  ]) {
    t.is(signerOf(challenge, bytes), undefined)
  }
})

test('keys are read from PEM, from hex digits, and from KeyObjects', (t) => {
  const { privateKey, publicKey } = generateKeyPair()
  t.regex(privateKey, /^-----BEGIN PRIVATE KEY-----/)
  t.regex(publicKey, /^-----BEGIN PUBLIC KEY-----/)
  const object = createPrivateKey(privateKey)
  const bytes = privateKeyBytes(privateKey)
  const hex = bytes.toString('hex')
  const forms: AmopKey[] = [
    Buffer.from(privateKey),
    object,
    hex,
    `0x${hex}\n`,
    object.export({ type: 'sec1', format: 'pem' }).toString(),
  ]
  for (const form of forms) t.deepEqual(privateKeyBytes(form), bytes)
  const point = publicKeyHex(publicKey)
  t.regex(point, /^[0-9a-f]{128}$/)
  const publicForms: AmopKey[] = [
    Buffer.from(publicKey),
    createPublicKey(publicKey),
    point,
    `04${point}`,
    `0x04${point.toUpperCase()}`,
    privateKey,
    object,
  ]
  for (const form of publicForms) t.is(publicKeyHex(form), point)
})

test('a key with a leading zero keeps it', (t) => {
  for (let i = 1; i < 40; i++) {
    const d = Buffer.alloc(32)
    d[31] = i
    const signature = signChallenge(Buffer.from('x'), d)
    const signer = signerOf(Buffer.from('x'), signature) ?? ''
    t.is(signer.length, 128)
    const object = createPrivateKey({
      key: { kty: 'EC', crv: 'secp256k1', d: d.toString('base64url'), ...pointOf(signer) },
      format: 'jwk',
    })
    t.deepEqual(privateKeyBytes(object), d)
    t.is(publicKeyHex(object), signer)
  }
})

test('keys of other kinds are refused by name', (t) => {
  const p256 = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
  t.throws(() => privateKeyBytes(p256.privateKey), {
    instanceOf: TypeError,
    message: /on curve secp256k1, this one is prime256v1/,
  })
  t.throws(() => publicKeyHex(rsa.publicKey), { instanceOf: TypeError, message: /this one is rsa/ })
  t.throws(() => privateKeyBytes('nonsense'), { instanceOf: TypeError, message: /no private key in PEM form/ })
  t.throws(() => publicKeyHex('0x1234'), { instanceOf: TypeError, message: /no public key in PEM form/ })
  t.throws(() => privateKeyBytes(createPublicKey(generateKeyPair().publicKey)), { message: /this is a public one/ })
})
