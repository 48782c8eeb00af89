import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { OutageError, seededRandom } from '@assay/core'
import { MemoryStore, type ObjectStore, openLocalStore } from '@assay/object-store'
import { afterAll, expect, test } from 'vitest'
import { openEmbeddedRegistry } from '../src/index.js'
import { readerOf, registryContract, SUBJECT, tradeSchema } from './registry-contract.js'

const roots: string[] = []
afterAll(() => Promise.all(roots.map((root) => rm(root, { recursive: true, force: true }))))

registryContract('in memory', async () => {
  const store = new MemoryStore()
  return [openEmbeddedRegistry(store, 'schemas', readerOf), openEmbeddedRegistry(store, 'schemas', readerOf)]
})

registryContract('in a local folder', async () => {
  const root = await mkdtemp(path.join(tmpdir(), 'registry-'))
  roots.push(root)
  const stores = await Promise.all([1, 2].map((seed) => openLocalStore(root, { random: seededRandom(seed) })))
  const [a, b] = stores.map((store) => openEmbeddedRegistry(store, 'schemas', readerOf))
  if (!a || !b) throw new Error('two registries are needed')
  return [a, b]
})

const store = (): MemoryStore => new MemoryStore()

test('an entry is a file that people can read', async () => {
  const objects = store()
  const id = await openEmbeddedRegistry(objects, 'lake/schemas').register(SUBJECT, tradeSchema(1))
  const entry = JSON.parse(new TextDecoder().decode(await objects.get(`lake/schemas/ids/${id}.json`)))
  expect(entry.subject).toBe(SUBJECT)
  expect(JSON.parse(entry.schema)).toEqual(JSON.parse(tradeSchema(1)))
})

test('schemas that differ in a default alone are different', async () => {
  const registry = openEmbeddedRegistry(store(), 'schemas')
  const first = await registry.register(SUBJECT, tradeSchema(1))
  expect(await registry.register(SUBJECT, tradeSchema(1).replace('"default":0', '"default":1'))).not.toBe(first)
})

test('ids are not given out again when an entry below is missing', async () => {
  const objects = store()
  const registry = openEmbeddedRegistry(objects, 'schemas')
  const ids = [await registry.register(SUBJECT, tradeSchema(1)), await registry.register(SUBJECT, tradeSchema(2))]
  await objects.delete(`schemas/ids/${ids[0]}.json`)
  expect(ids).not.toContain(await openEmbeddedRegistry(objects, 'schemas').register(SUBJECT, tradeSchema(3)))
})

test('a damaged entry is an error that names it, never an unknown id', async () => {
  const objects = store()
  const registry = openEmbeddedRegistry(objects, 'schemas')
  for (const text of ['{"subject":"s"', '{"subject":"s"}', '[]', 'null', '7']) {
    await objects.put('schemas/ids/1.json', new TextEncoder().encode(text))
    await expect(registry.schema(1)).rejects.toThrow(expect.objectContaining({ code: 'registry_corrupt' }))
  }
})

test('S4: a store that is away is an outage, and what is known stays known', async () => {
  const objects = store()
  const registry = openEmbeddedRegistry(objects, 'schemas')
  const id = await registry.register(SUBJECT, tradeSchema(1))
  await registry.schema(id)
  const away = async (): Promise<never> => {
    throw new OutageError('store_away', 'away')
  }
  objects.get = away
  expect((await registry.schema(id)).kind).toBe('found')
  await expect(registry.schema(id + 1)).rejects.toThrow(OutageError)
  objects.putIfAbsent = away
  await expect(registry.register(SUBJECT, tradeSchema(2))).rejects.toThrow(OutageError)
})

test('A8: a create whose answer was lost is found by the next try', async () => {
  const objects = store()
  const create = objects.putIfAbsent.bind(objects)
  const registry = openEmbeddedRegistry(objects, 'schemas')
  objects.putIfAbsent = async (key, bytes) => {
    await create(key, bytes)
    throw new OutageError('answer_lost', 'lost')
  }
  await expect(registry.register(SUBJECT, tradeSchema(1))).rejects.toThrow(OutageError)
  objects.putIfAbsent = create
  expect(await registry.register(SUBJECT, tradeSchema(1))).toBe(1)
  expect(await keys(objects)).toEqual(['schemas/ids/1.json'])
})

async function keys(objects: ObjectStore): Promise<string[]> {
  const found: string[] = []
  for await (const { key } of objects.list('schemas/')) found.push(key)
  return found
}
