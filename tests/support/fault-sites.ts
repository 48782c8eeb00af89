import { isRetryable, type Random, seededRandom } from '@assay/core'
import type { LayerName } from '@assay/medallion'
import { type FaultPlan, FaultyStore, type ObjectStore, type StoreCall } from '@assay/object-store'
import { expect } from 'vitest'
import { drain } from './drain.js'
import { LAYER_NAMES } from './layers.js'
import { binance, copyOf, type MemoryLake, memoryLake } from './memory-lake.js'
import { binanceRecord, produce, registerSchema } from './records.js'
import { digests } from './tables.js'

export const LAYERS = LAYER_NAMES
const STARTS_MAX = 500
const READS: ReadonlySet<string> = new Set(['get', 'size_bytes', 'localPath', 'scratchDirectory', 'list'])

const TABLES: Readonly<Record<LayerName, readonly string[]>> = {
  bronze: ['bronze_binance_trades'],
  silver: ['silver_binance_trades', 'silver_dlq_trades', 'rule_sets'],
  gold: ['gold_crypto_trades', 'gold_duplicates'],
  candles: ['gold_candles'],
}

/** Valid trades, a duplicate, a dead letter: what makes every kind of commit, twice in each layer. */
export async function loadedLake(): Promise<MemoryLake> {
  const lake = memoryLake()
  const id = await registerSchema(lake, binance)
  const trade = (trade_id: number, price = '1') => binanceRecord(binance, id, { trade_id, price })
  await produce(lake, binance, [trade(1), trade(1), trade(2, '-1'), trade(3), trade(1), trade(4, 'x')])
  for (const definition of lake.definitions) await lake.table(definition)
  return lake
}

/**
 * Which calls are made to fail. Every write fails in both ways. Of reads, which leave nothing behind, it is enough that
 * one of a kind of object fails (keys alike but for numbers and random names), before it is done.
 */
export function sitesOf(kind: 'error_before' | 'error_after'): (site: StoreCall) => boolean {
  const seen = new Set<string>()
  return ({ method, key }) => {
    if (!READS.has(method)) return true
    if (kind === 'error_after') return false
    const shape = `${method} ${key.replace(/[0-9a-f]{8}-[0-9a-f-]{27}|\d+/g, '#')}`
    const before = seen.size
    return seen.add(shape).size > before
  }
}

export interface FaultyDrain {
  readonly layers: readonly LayerName[]
  readonly plan: FaultPlan
  readonly random: Random
  readonly maxRows: number
}

/** Opens the store behind faults and drains a layer, again and again as a supervisor would after an outage. */
export async function drainThrough(
  store: ObjectStore,
  from: MemoryLake,
  { layers, plan, random, maxRows }: FaultyDrain,
): Promise<void> {
  const faulty = new FaultyStore(store, plan)
  for (let starts = 0; starts < STARTS_MAX; starts++) {
    const lake = memoryLake({ store: faulty, log: from.log, clock: from.clock, random })
    try {
      await drain(lake, { layers, limits: { maxRows } })
      return
    } catch (error) {
      if (!isRetryable(error)) throw error
    } finally {
      await lake.close()
    }
  }
  throw new Error('still failing after so many starts')
}

/** Drains a layer once for each chosen call, which fails; every table must end as if nothing had happened. */
export async function failInTurn(layer: LayerName, maxRows: number): Promise<void> {
  const before = await loadedLake()
  await drain(before, { layers: LAYERS.slice(0, LAYERS.indexOf(layer)), limits: { maxRows } })
  const undisturbed = await copyOf(before.store, before.clock)
  const seed = 77
  const sites: StoreCall[] = []
  const listening: FaultPlan = (call) => {
    sites.push(call)
    return 'none'
  }
  await drainThrough(undisturbed, before, { layers: [layer], plan: listening, random: seededRandom(seed), maxRows })
  const tables = (name: string) => TABLES[layer].includes(name)
  const expected = await digests(memoryLake({ store: undisturbed, log: before.log, clock: before.clock }), tables)
  for (const kind of ['error_before', 'error_after'] as const) {
    for (const { index: at } of sites.filter(sitesOf(kind))) {
      const store = await copyOf(before.store, before.clock)
      let failed: string | undefined
      const plan: FaultPlan = ({ index, method, key }) => {
        if (index !== at) return 'none'
        failed = `${method} ${key}`
        return kind
      }
      await drainThrough(store, before, { layers: [layer], plan, random: seededRandom(seed), maxRows })
      const after = memoryLake({ store, log: before.log, clock: before.clock })
      const found = await digests(after, tables)
      expect({ kind, at, failed, found }).toEqual({ kind, at, failed, found: expected })
      await after.close()
    }
  }
  await before.close()
}
