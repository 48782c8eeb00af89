import { OutageError, systemClock, systemRandom } from '@assay/core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { needs, type RegistryPart, startRegistry } from '../../../tests/real-parts/real-parts.js'
import { openConfluentRegistry, type SchemaRegistry } from '../src/index.js'
import { readerOf, registryContract, tradeSchema } from './registry-contract.js'

let server: RegistryPart

const open = (timeout_ms = 10_000): Promise<SchemaRegistry> =>
  openConfluentRegistry({ url: server.url, readerOf, timeout_ms, clock: systemClock, random: systemRandom })

describe.skipIf(!(await needs('registry')))('a registry with Confluent’s API', () => {
  beforeAll(async () => {
    server = await startRegistry()
  })
  afterAll(() => server.stop())

  registryContract('Confluent', async () => {
    await forgetEverything()
    return [await open(), await open()]
  })

  test('nothing on the server is configured by us', async () => {
    const before = await configuration()
    await (await open()).register('configuration-value', tradeSchema(1))
    expect(await configuration()).toEqual(before)
  })

  test('failure 10: a registry that freezes or dies is an outage, and works on when it is back', async () => {
    const registry = await open()
    const id = await registry.register('outage-value', tradeSchema(3))
    const fresh = await open(1_000)
    server.pause()
    await expect(fresh.schema(id)).rejects.toThrow(OutageError)
    server.resume()
    await server.kill()
    await expect(fresh.schema(id)).rejects.toThrow(OutageError)
    await expect(fresh.register('outage-value', tradeSchema(4))).rejects.toThrow(OutageError)
    await server.restart()
    expect((await registry.schema(id)).kind).toBe('found')
    expect((await (await open()).schema(id)).kind).toBe('found')
  })
})

async function configuration(): Promise<unknown> {
  return (await fetch(`${server.url}/config`)).json()
}

/** Each test of the contract begins with no subject; ids go on. */
async function forgetEverything(): Promise<void> {
  const subjects = (await (await fetch(`${server.url}/subjects`)).json()) as string[]
  for (const subject of subjects) {
    const path = `${server.url}/subjects/${encodeURIComponent(subject)}`
    await fetch(path, { method: 'DELETE' })
    await fetch(`${path}?permanent=true`, { method: 'DELETE' })
  }
}
