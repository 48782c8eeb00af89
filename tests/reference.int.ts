import { seededRandom } from '@assay/core'
import { type FaultPlan, FaultyStore, type ObjectStore, type StoreCall } from '@assay/object-store'
import { loadReference } from '@assay/operations'
import { describe, expect, it } from 'vitest'
import { sitesOf } from './support/fault-sites.js'
import { copyOf, type MemoryLake, memoryLake } from './support/memory-lake.js'
import { symbolRow, symbolsIn } from './support/reference.js'

const { signal } = new AbortController()
const NEXT = [symbolRow('A', 1, 2), symbolRow('A', 2, null), symbolRow('C', 1, null)]

const lakeOn = (store: ObjectStore, { log, clock }: MemoryLake): MemoryLake => memoryLake({ store, log, clock })

async function loadThrough(store: ObjectStore, from: MemoryLake, plan: FaultPlan): Promise<void> {
  const lake = memoryLake({ ...lakeOn(new FaultyStore(store, plan), from), random: seededRandom(5) })
  try {
    await loadReference(lake, NEXT, false, signal)
  } finally {
    await lake.close()
  }
}

describe('loading reference data', () => {
  it('A1 A8: whatever call to the store fails, done or not done: the table is as before or as after, and a second load makes it right', async () => {
    const before = memoryLake()
    await loadReference(before, [symbolRow('A', 1, null), symbolRow('B', 1, null)], false, signal)
    const old = await symbolsIn(before)
    const sites: StoreCall[] = []
    const undisturbed = await copyOf(before.store, before.clock)
    await loadThrough(undisturbed, before, (call) => {
      sites.push(call)
      return 'none'
    })
    const wanted = await symbolsIn(lakeOn(undisturbed, before))
    for (const kind of ['error_before', 'error_after'] as const) {
      for (const { index: at, method, key } of sites.filter(sitesOf(kind))) {
        const store = await copyOf(before.store, before.clock)
        await loadThrough(store, before, ({ index }) => (index === at ? kind : 'none')).catch((error: unknown) =>
          expect(error).toMatchObject({ retryable: true }),
        )
        const restarted = lakeOn(store, before)
        expect([old, wanted], `${kind} ${method} ${key}`).toContainEqual(await symbolsIn(restarted))
        await loadReference(restarted, NEXT, false, signal)
        expect(await symbolsIn(restarted), `${kind} ${method} ${key}`).toEqual(wanted)
        await restarted.close()
      }
    }
    await before.close()
  })
})
