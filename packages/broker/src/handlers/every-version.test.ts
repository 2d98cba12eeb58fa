/**
 * Every API in every version that ApiVersions promises, with a request in which every list has one
 * element: the broker must answer each with a message that decodes, handled and refused alike.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  type AnyApi,
  type AnyField,
  apiByKey,
  apiVersions,
  ErrorCode,
  type Fields,
  includesVersion,
  type RequestInput,
  ZERO_UUID,
} from '@odradek/protocol'
import type { RawClient } from '../raw-client.test-kit.ts'
import { inVirtualWorld } from '../virtual-cluster.test-kit.ts'

const CLOSES_CONNECTION = new Set(['SaslAuthenticate', 'SaslHandshake'])

function sampleOf(field: AnyField, name: string, version: number): unknown {
  const { type } = field
  if (type.kind === 'array') return [sampleOf(type.element, name, version)]
  if (type.kind === 'struct') return structOf(type.fields, version)
  switch (type.primitive) {
    case 'string':
      return name === 'groupId' ? 'group' : 'orders'
    case 'uuid':
      return ZERO_UUID
    case 'boolean':
      return true
    case 'int64':
      return -1n
    case 'bytes':
    case 'records':
      return Buffer.from('bytes')
    default:
      return name === 'sessionEpoch' || name === 'acks' ? -1 : 1
  }
}

function structOf(fields: Fields, version: number): Record<string, unknown> {
  const value: Record<string, unknown> = {}
  for (const [name, field] of Object.entries(fields)) {
    const range = rangeOf(field.options.versions)
    if (includesVersion(range, version)) value[name] = sampleOf(field, name, version)
  }
  return value
}

function rangeOf(text = '0+') {
  const [min = '0', max] = text.split(/[-+]/)
  const isOpen = text.endsWith('+')
  return { min: Number(min), max: isOpen ? Number.POSITIVE_INFINITY : Number(max ?? min) }
}

async function everyVersion(
  client: () => Promise<RawClient>,
  judge: (api: AnyApi, version: number, answer: unknown) => void,
): Promise<number> {
  let count = 0
  const asking = await client()
  const { apiKeys } = await asking.request(apiVersions, 3, {
    clientSoftwareName: 'raw',
    clientSoftwareVersion: '1',
  })
  for (const { apiKey, minVersion, maxVersion } of apiKeys) {
    const api = apiByKey(apiKey)
    assert.ok(api !== undefined)
    // Produce is announced from version 0 on, which is refused (KAFKA-18659).
    for (let version = Math.max(minVersion, api.versions.min); version <= maxVersion; version++) {
      const body = structOf(api.request.fields, version) as RequestInput<AnyApi>
      const one = await client()
      judge(api, version, await one.request(api, version, body))
      if (CLOSES_CONNECTION.has(api.name)) await one.closed
      one.destroy()
      count++
    }
  }
  return count
}

const OPTIONS = { topics: { orders: 2 }, groupMinSessionTimeoutMs: 1 }

test('every API responds in every version', async () => {
  await inVirtualWorld(OPTIONS, async ({ connect, cluster }) => {
    const errors: unknown[] = []
    cluster.on('error', ({ error }) => errors.push(error))
    const count = await everyVersion(
      () => connect(),
      () => undefined,
    )
    assert.deepEqual(errors, [])
    assert.ok(count > 150, `${count} pairs`)
  })
})

test('every API can be refused in every version', async () => {
  await inVirtualWorld(OPTIONS, async ({ connect, cluster }) => {
    const errors: unknown[] = []
    cluster.on('error', ({ error }) => errors.push(error))
    const ask = cluster.faults.add({ api: 'ApiVersions', delayMs: 0, times: 1 })
    cluster.faults.add({ error: 'UNKNOWN_SERVER_ERROR' })
    await everyVersion(
      () => connect(),
      (api, version, answer) => {
        const { errorCode } = find(answer)
        assert.equal(errorCode, ErrorCode.UNKNOWN_SERVER_ERROR, `${api.name} v${version}`)
      },
    )
    assert.equal(ask.hits, 1)
    assert.deepEqual(errors, [])
  })
})

/** The first error code in an answer, wherever its API has it. */
function find(answer: unknown): { readonly errorCode: number | undefined } {
  if (typeof answer !== 'object' || answer === null) return { errorCode: undefined }
  const named = answer as { readonly errorCode?: number; readonly partitionErrorCode?: number }
  const errorCode = named.errorCode ?? named.partitionErrorCode
  if (errorCode !== undefined && errorCode !== 0) return { errorCode }
  for (const value of Object.values(answer)) {
    const inner = find(value)
    if (inner.errorCode !== undefined && inner.errorCode !== 0) return inner
  }
  return { errorCode }
}
