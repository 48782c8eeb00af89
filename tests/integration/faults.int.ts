import { seededRandom } from '@assay/core'
import type { FaultPlan } from '@assay/object-store'
import type { LakeTable } from '@assay/pipeline'
import { describe, expect, it } from 'vitest'
import { drainThrough, failInTurn, LAYERS, loadedLake } from '../support/fault-sites.js'
import { checkInvariants } from '../support/invariants.js'

async function fileCount(table: LakeTable): Promise<number> {
  return (await table.plan((await table.pin()).version, {})).length
}

describe('every kind of call of the store fails in turn, over two commits of the layer', () => {
  it.each(['bronze', 'silver', 'gold'] as const)(
    'A1 A8: %s ends as if nothing had happened, whether the call was done or not',
    (layer) => failInTurn(layer, 3),
  )
})

describe('storms of outages', () => {
  it('A1 A8: half of all calls fail for a while, done or not done, and every table is right in the end', async () => {
    for (const seed of [1, 2, 3]) {
      const before = await loadedLake()
      const lot = seededRandom(seed)
      const plan: FaultPlan = ({ index }) => {
        if (index > 400 || lot.unit() < 0.85) return 'none'
        return lot.unit() < 0.5 ? 'error_before' : 'error_after'
      }
      await drainThrough(before.store, before, { layers: LAYERS, plan, random: seededRandom(seed), maxRows: 3 })
      await checkInvariants(before)
      expect(await fileCount(await before.table(before.definitions[0] as (typeof before.definitions)[number]))).toBe(2)
      await before.close()
    }
  })
})
