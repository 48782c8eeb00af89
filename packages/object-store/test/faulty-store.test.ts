import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { OutageError } from '@assay/core'
import { describe, expect, it } from 'vitest'
import { type Fault, FaultyStore, MemoryStore, type ObjectStore, type StoreCall } from '../src/index.js'
import { storeContract } from './store-contract.js'

storeContract('faulty, without faults', async () => new FaultyStore(new MemoryStore(), () => 'none'))

async function drain(store: ObjectStore, prefix: string): Promise<string[]> {
  const keys: string[] = []
  for await (const { key } of store.list(prefix)) keys.push(key)
  return keys
}

describe('faulty store', () => {
  /** A store of which the method named fails, and the one behind it, holding `old`. */
  async function failing(
    method: StoreCall['method'],
    fault: Fault,
  ): Promise<{ store: FaultyStore; inner: MemoryStore }> {
    const inner = new MemoryStore()
    await inner.put('old', new Uint8Array(1))
    return { store: new FaultyStore(inner, (call) => (call.method === method ? fault : 'none')), inner }
  }

  it('error_before fails each method and does nothing', async () => {
    const bytes = new Uint8Array(2)
    const attempts: Record<StoreCall['method'], (store: ObjectStore) => Promise<unknown>> = {
      get: (store) => store.get('old'),
      size_bytes: (store) => store.size_bytes('old'),
      put: (store) => store.put('new', bytes),
      putIfAbsent: (store) => store.putIfAbsent('new', bytes),
      create: (store) => store.create('new', bytes),
      putFile: async (store) => {
        const file = path.join(await store.scratchDirectory(), 'file')
        await writeFile(file, bytes)
        await store.putFile('new', file)
      },
      localPath: (store) => store.localPath('old'),
      scratchDirectory: (store) => store.scratchDirectory(),
      list: (store) => drain(store, ''),
      delete: (store) => store.delete('old'),
    }
    for (const method of Object.keys(attempts) as StoreCall['method'][]) {
      const { store, inner } = await failing(method, 'error_before')
      await expect(attempts[method](store)).rejects.toBeInstanceOf(OutageError)
      expect(await drain(inner, '')).toEqual(['old'])
    }
  })

  it('T20: error_after does the thing and fails all the same', async () => {
    const put = await failing('putIfAbsent', 'error_after')
    await expect(put.store.putIfAbsent('new', new Uint8Array(2))).rejects.toMatchObject({ retryable: true })
    expect(await put.inner.size_bytes('new')).toBe(2)
    const deleted = await failing('delete', 'error_after')
    await expect(deleted.store.delete('old')).rejects.toMatchObject({ code: 'injected_fault' })
    expect(await deleted.inner.size_bytes('old')).toBeUndefined()
  })

  it('counts calls and tells the plan which one it is', async () => {
    const calls: StoreCall[] = []
    const store = new FaultyStore(new MemoryStore(), (call) => {
      calls.push(call)
      return 'none'
    })
    await store.put('a', new Uint8Array(1))
    await store.get('a')
    await drain(store, 'x')
    expect(store.calls).toBe(3)
    expect(calls).toEqual([
      { index: 0, method: 'put', key: 'a' },
      { index: 1, method: 'get', key: 'a' },
      { index: 2, method: 'list', key: 'x' },
    ])
  })

  it('T10: a plan that answers later holds the call back', async () => {
    const inner = new MemoryStore()
    let release: (fault: Fault) => void = () => undefined
    const answer = new Promise<Fault>((resolve) => {
      release = resolve
    })
    const store = new FaultyStore(inner, () => answer)
    const put = store.put('k', new Uint8Array(1))
    await new Promise((resolve) => setImmediate(resolve))
    expect(await inner.size_bytes('k')).toBeUndefined()
    release('none')
    await put
    expect(await inner.size_bytes('k')).toBe(1)
  })
})
