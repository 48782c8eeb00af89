import { systemClock } from '@assay/core'
import { expect, it } from 'vitest'
import { MemoryStore } from '../src/index.js'
import { storeContract } from './store-contract.js'

storeContract('memory', async () => new MemoryStore())

it('stamps objects with the time of the clock it was given', async () => {
  let now_ms = 1000
  const store = new MemoryStore({ clock: { ...systemClock, now_ms: () => now_ms } })
  await store.put('a', new Uint8Array(1))
  now_ms = 2000
  await store.put('b', new Uint8Array(1))
  const times: number[] = []
  for await (const { modified_ms } of store.list('')) times.push(modified_ms)
  expect(times).toEqual([1000, 2000])
})
