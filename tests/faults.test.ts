import { isRetryable, type Random, seededRandom } from '@assay/core'
import type { LakeTable } from '@assay/medallion'
import { type FaultPlan, FaultyStore, type ObjectStore, type StoreCall } from '@assay/object-store'
import type { Layer } from '@assay/runtime'
import { describe, expect, it } from 'vitest'
import { drain } from './support/drain.js'
import { checkInvariants } from './support/invariants.js'
import { binance, copyOf, type MemoryLake, memoryLake } from './support/memory-lake.js'
import { binanceRecord, produce, registerSchema } from './support/records.js'
import { digests } from './support/tables.js'

const LAYERS: readonly Layer[] = ['bronze', 'silver', 'gold']
const LIMITS = { maxRows: 3 }
const STARTS_MAX = 50
const READS: ReadonlySet<string> = new Set(['get', 'size_bytes', 'localPath', 'scratchDirectory', 'list'])

const TABLES: Readonly<Record<Layer, readonly string[]>> = {
  bronze: ['bronze_binance_trades'],
  silver: ['silver_binance_trades', 'silver_dlq_trades', 'rule_sets'],
  gold: ['gold_crypto_trades', 'gold_duplicates'],
}

/** Valid trades, a duplicate, a dead letter: what makes every kind of commit, twice in each layer. */
async function loadedLake(): Promise<MemoryLake> {
  const lake = memoryLake()
  const id = await registerSchema(lake, binance)
  const trade = (trade_id: number, price = '1') => binanceRecord(binance, id, { trade_id, price })
  await produce(lake, binance, [trade(1), trade(1), trade(2, '-1'), trade(3), trade(1), trade(4, 'x')])
  for (const definition of lake.definitions) await lake.table(definition)
  return lake
}

/**
 * Every write fails in both ways. Of reads, which leave nothing behind, it is enough that one of a kind of object
 * fails (keys alike but for numbers and random names), before it is done.
 */
function distinct(kind: 'error_before' | 'error_after'): (site: StoreCall) => boolean {
  const seen = new Set<string>()
  return ({ method, key }) => {
    if (!READS.has(method)) return true
    if (kind === 'error_after') return false
    const shape = `${method} ${key.replace(/[0-9a-f]{8}-[0-9a-f-]{27}|\d+/g, '#')}`
    const before = seen.size
    return seen.add(shape).size > before
  }
}

/** Opens the store behind faults and drains a layer, again and again as a supervisor would after an outage. */
async function drainThrough(
  store: ObjectStore,
  from: MemoryLake,
  layers: readonly Layer[],
  plan: FaultPlan,
  random: Random,
): Promise<void> {
  const faulty = new FaultyStore(store, plan)
  for (let starts = 0; starts < STARTS_MAX; starts++) {
    const lake = memoryLake({ store: faulty, log: from.log, clock: from.clock, random })
    try {
      await drain(lake, { layers, limits: LIMITS })
      return
    } catch (error) {
      if (!isRetryable(error)) throw error
    } finally {
      await lake.close()
    }
  }
  throw new Error('still failing after so many starts')
}

async function fileCount(table: LakeTable): Promise<number> {
  return (await table.plan((await table.pin()).version, {})).length
}

describe('every kind of call of the store fails in turn', () => {
  for (const layer of LAYERS) {
    it(`A1 A8: ${layer} ends as if nothing had happened, whether the call was done or not`, async () => {
      const before = await loadedLake()
      await drain(before, { layers: LAYERS.slice(0, LAYERS.indexOf(layer)), limits: LIMITS })
      const undisturbed = await copyOf(before.store, before.clock)
      const seed = 77
      const sites: StoreCall[] = []
      const listening: FaultPlan = (call) => {
        sites.push(call)
        return 'none'
      }
      await drainThrough(undisturbed, before, [layer], listening, seededRandom(seed))
      const tables = (name: string) => TABLES[layer].includes(name)
      const expected = await digests(memoryLake({ store: undisturbed, log: before.log, clock: before.clock }), tables)
      for (const kind of ['error_before', 'error_after'] as const) {
        for (const { index: at } of sites.filter(distinct(kind))) {
          const store = await copyOf(before.store, before.clock)
          let failed: string | undefined
          const plan: FaultPlan = ({ index, method, key }) => {
            if (index !== at) return 'none'
            failed = `${method} ${key}`
            return kind
          }
          await drainThrough(store, before, [layer], plan, seededRandom(seed))
          const after = memoryLake({ store, log: before.log, clock: before.clock })
          const found = await digests(after, tables)
          expect({ kind, at, failed, found }).toEqual({ kind, at, failed, found: expected })
          await after.close()
        }
      }
      await before.close()
    }, 120_000)
  }
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
      await drainThrough(before.store, before, LAYERS, plan, seededRandom(seed))
      await checkInvariants(before)
      expect(await fileCount(await before.table(before.definitions[0] as (typeof before.definitions)[number]))).toBe(2)
      await before.close()
    }
  })
})
