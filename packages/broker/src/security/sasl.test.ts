import assert from 'node:assert/strict'
import { createHash, createHmac, pbkdf2Sync } from 'node:crypto'
import { test } from 'node:test'
import {
  apiVersions,
  ErrorCode,
  metadata,
  saslAuthenticate,
  saslHandshake,
} from '@odradek/protocol'
import type { RawClient } from '../raw-client.test-kit.ts'
import { inVirtualWorld } from '../virtual-cluster.test-kit.ts'

const SASL = { topics: { orders: 1 }, sasl: { users: { alice: 'secret' } } }
const plain = (user: string, password: string) => Buffer.from(`\0${user}\0${password}`)
const ask = (client: RawClient) => client.request(metadata, 9, { topics: [] })

async function authenticate(client: RawClient, mechanism: string, authBytes: Buffer) {
  await client.request(saslHandshake, 1, { mechanism })
  return client.request(saslAuthenticate, 2, { authBytes })
}

test('an unauthenticated connection may only request versions', async () => {
  await inVirtualWorld(SASL, async ({ connect }) => {
    const client = await connect()
    await client.request(apiVersions, 0, {})
    await assert.rejects(ask(client), /disconnected/)
  })
})

test('PLAIN accepts the right password, and returns a reason for the wrong one', async () => {
  await inVirtualWorld(SASL, async ({ connect }) => {
    const client = await connect()
    assert.equal((await authenticate(client, 'PLAIN', plain('alice', 'secret'))).errorCode, 0)
    await ask(client)
    for (const [user, password] of [
      ['alice', 'wrong'],
      ['bob', 'secret'],
      ['constructor', ''],
    ]) {
      const stranger = await connect()
      const { errorCode, errorMessage } = await authenticate(
        stranger,
        'PLAIN',
        plain(user ?? '', password ?? ''),
      )
      assert.equal(errorCode, ErrorCode.SASL_AUTHENTICATION_FAILED)
      assert.match(errorMessage ?? '', /invalid credentials with SASL mechanism PLAIN/)
      await stranger.closed
    }
  })
})

test('an event of a request does not show the password that the request carries', async () => {
  await inVirtualWorld(SASL, async ({ connect, cluster }) => {
    const bodies: unknown[] = []
    cluster.on('request', ({ api, body }) => api === 'SaslAuthenticate' && bodies.push(body))
    const client = await connect()
    assert.equal((await authenticate(client, 'PLAIN', plain('alice', 'secret'))).errorCode, 0)
    assert.deepEqual(bodies, [{ authBytes: Buffer.from('[redacted]') }])
  })
})

test('a mechanism that is not offered is refused with those that are', async () => {
  const options = { ...SASL, sasl: { ...SASL.sasl, mechanisms: ['SCRAM-SHA-256'] as const } }
  await inVirtualWorld(options, async ({ connect }) => {
    const client = await connect()
    const { errorCode, mechanisms } = await client.request(saslHandshake, 1, {
      mechanism: 'PLAIN',
    })
    assert.equal(errorCode, ErrorCode.UNSUPPORTED_SASL_MECHANISM)
    assert.deepEqual(mechanisms, ['SCRAM-SHA-256'])
    await client.closed
  })
})

/** SCRAM's client side, as RFC 5802 writes it. */
async function scram(client: RawClient, digest: 'sha256' | 'sha512', password: string) {
  const hmac = (key: Buffer, text: string) => createHmac(digest, key).update(text).digest()
  const bare = 'n=alice,r=nonce'
  const first = await authenticate(
    client,
    digest === 'sha256' ? 'SCRAM-SHA-256' : 'SCRAM-SHA-512',
    Buffer.from(`n,,${bare}`),
  )
  const challenge = first.authBytes.toString()
  const [, nonce = '', salt = '', iterations = ''] =
    /r=([^,]+),s=([^,]+),i=(\d+)/.exec(challenge) ?? []
  const size = digest === 'sha256' ? 32 : 64
  const salted = pbkdf2Sync(password, Buffer.from(salt, 'base64'), Number(iterations), size, digest)
  const clientKey = hmac(salted, 'Client Key')
  const withoutProof = `c=biws,r=${nonce}`
  const authMessage = `${bare},${challenge},${withoutProof}`
  const signature = hmac(createHash(digest).update(clientKey).digest(), authMessage)
  const proof = Buffer.from(clientKey.map((byte, index) => byte ^ (signature[index] ?? 0)))
  const final = await client.request(saslAuthenticate, 2, {
    authBytes: Buffer.from(`${withoutProof},p=${proof.toString('base64')}`),
  })
  const expected = `v=${hmac(hmac(salted, 'Server Key'), authMessage).toString('base64')}`
  return { ...final, isProven: final.authBytes.toString() === expected }
}

for (const digest of ['sha256', 'sha512'] as const) {
  test(`SCRAM with ${digest} proves both sides to each other`, async () => {
    await inVirtualWorld(SASL, async ({ connect }) => {
      const client = await connect()
      const { errorCode, isProven } = await scram(client, digest, 'secret')
      assert.deepEqual({ errorCode, isProven }, { errorCode: 0, isProven: true })
      await ask(client)
      const stranger = await connect()
      const refused = await scram(stranger, digest, 'wrong')
      assert.equal(refused.errorCode, ErrorCode.SASL_AUTHENTICATION_FAILED)
      await stranger.closed
    })
  })
}

test('a session ends when its lifetime does, unless it is renewed in time', async () => {
  const options = { ...SASL, sasl: { ...SASL.sasl, sessionLifetimeMs: 10_000 } }
  await inVirtualWorld(options, async ({ world, connect }) => {
    const client = await connect()
    const first = await authenticate(client, 'PLAIN', plain('alice', 'secret'))
    assert.equal(first.sessionLifetimeMs, 10_000)
    await world.sleep(9000)
    await authenticate(client, 'PLAIN', plain('alice', 'secret'))
    await world.sleep(9000)
    await ask(client)
    await world.sleep(2000)
    await assert.rejects(ask(client), /disconnected/)
  })
})

test('SaslHandshake version 0 is followed by bare tokens', async () => {
  await inVirtualWorld(SASL, async ({ connect }) => {
    const client = await connect()
    await client.request(saslHandshake, 0, { mechanism: 'PLAIN' })
    const token = plain('alice', 'secret')
    const size = Buffer.alloc(4)
    size.writeInt32BE(token.length)
    assert.equal((await client.raw([size, token])).length, 0)
    await ask(client)
  })
})

test('a broker without SASL says that it has none', async () => {
  await inVirtualWorld({}, async ({ connect }) => {
    const client = await connect()
    const { errorCode } = await client.request(saslHandshake, 1, { mechanism: 'PLAIN' })
    assert.equal(errorCode, ErrorCode.ILLEGAL_SASL_STATE)
  })
})
