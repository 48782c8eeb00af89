import { readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { laneKey } from '@assay/core'
import { loadSources } from '@assay/feed'
import { collect, commit } from '@assay/iceberg'
import { type Lake, runWorkers } from '@assay/lake'
import { GOLD_TABLE, silverTable } from '@assay/medallion'
import { type Fault, type FaultPlan, FaultyStore, type StoreCall } from '@assay/object-store'
import type { LakeTable } from '@assay/pipeline'
import { describe, expect, it } from 'vitest'
import { diskLake, temporaryFolder } from './support/disk-lake.js'
import { drain, runUntil } from './support/drain.js'
import { checkInvariants } from './support/invariants.js'
import { binance, type MemoryLake, memoryLake } from './support/memory-lake.js'
import { produceSimulated, START_MS } from './support/records.js'
import { digests, query } from './support/tables.js'
import { runAlone, silverWorker } from './support/workers.js'

/** How long a put waits for the other process's, which may have nothing to put. */
const MEETING_MS = 2_000

/** Two processes that put the first versions of each table at once: both have planned on the same positions. */
class Meeting {
  readonly #waiting = new Map<string, { who: string; met: () => void }>()
  readonly #met = new Map<string, number>()

  plan(who: string): FaultPlan {
    return async ({ method, key }: StoreCall): Promise<Fault> => {
      const [table, version] = key.split('/metadata/v')
      if (method === 'putIfAbsent' && table && version && (this.#met.get(table) ?? 0) < 3)
        await this.#meet(table, key, who)
      return 'none'
    }
  }

  async #meet(table: string, key: string, who: string): Promise<void> {
    const other = this.#waiting.get(key)
    if (other && other.who !== who) {
      this.#met.set(table, (this.#met.get(table) ?? 0) + 1)
      return other.met()
    }
    const met = new Promise<void>((resolve) => this.#waiting.set(key, { who, met: resolve }))
    await Promise.race([met, delay(MEETING_MS)])
    this.#waiting.delete(key)
  }
}

function beside({ store, log, clock }: MemoryLake, plan?: FaultPlan): MemoryLake {
  return memoryLake({ store: plan ? new FaultyStore(store, plan) : store, log, clock })
}

/** A commit of somebody else that changes no row: only the table's head moves. */
async function touch(table: LakeTable): Promise<void> {
  const outcome = await commit(table.table, { prepare: () => ({ kind: 'proceed', change: { operation: 'replace' } }) })
  expect(outcome.kind).toBe('committed')
}

/** Resolves when gold stands where the log ends. */
async function goldHasAll(lake: Lake): Promise<void> {
  const gold = await lake.table(GOLD_TABLE)
  for (;;) {
    const { checkpoint } = await gold.pin()
    const lanes = await lake.log.lanes(binance.topic)
    if (lanes.every(({ lane, end }) => (checkpoint.lanes.get(laneKey(lane))?.position ?? 0n) === end)) return
    await delay(2)
  }
}

describe('several processes', () => {
  it('A2 T4: two of every worker on the same lanes, and a producer beside them: no row doubled, none lost', async () => {
    const lake = memoryLake()
    await produceSimulated(lake, binance, { count: 40, duplicates: 0.2, invalid: 0.1 }, 3)
    const meeting = new Meeting()
    const others = ['one', 'other'].map((who) => beside(lake, meeting.plan(who)))
    const stop = new AbortController()
    const running = others.map((other) => runUntil(other, stop.signal, { limits: { maxRows: 30 } }))
    for (let n = 1; n <= 3; n++) {
      const batch = { count: 40, seed: n, startTime_ms: START_MS + n * 1_000, duplicates: 0.2, invalid: 0.1 }
      await produceSimulated(lake, binance, batch, 3)
      await goldHasAll(lake)
    }
    stop.abort()
    const events = (await Promise.all(running)).flat()
    const refused = new Set(events.filter(({ kind }) => kind === 'refused').map(({ worker }) => worker))
    expect([...refused].sort()).toEqual(expect.arrayContaining(['bronze-binance', 'gold', 'silver-binance']))
    await drain(lake)
    await checkInvariants(lake)
    expect(await query(lake, 'SELECT count(*)::INTEGER AS n FROM bronze_binance_trades')).toEqual([{ n: 160 }])
    for (const each of [lake, ...others]) await each.close()
  })

  it('T15: files are loaded by two processes while two others work on the lake', async () => {
    const folder = temporaryFolder()
    const lakes = [
      await diskLake(folder),
      await diskLake(folder),
      await diskLake(folder),
      await diskLake(folder),
    ] as const
    await lakes[0].log.ensureTopic(binance.topic, 2)
    const stop = new AbortController()
    const options = { drain: false, adopt: false, interval_ms: 10 }
    const working = lakes
      .slice(0, 2)
      .map((lake) => runWorkers(lake, { ...options, onEvent: () => undefined }, stop.signal))
    const lines = readFileSync(binance.samples[0] as URL, 'utf8')
      .split('\n')
      .filter(Boolean)
      .slice(0, 120)
    const loads = lakes.slice(2).map((lake) =>
      loadSources(lake, {
        exchange: binance,
        sources: [{ name: 'sample', chunks: chunked(lines) }],
        signal: new AbortController().signal,
        onProgress: () => undefined,
      }),
    )
    for (const report of await Promise.all(loads)) expect(report).toMatchObject({ produced: 120, refused: 0 })
    await goldHasAll(lakes[3])
    stop.abort()
    await Promise.all(working)
    await drain(lakes[0])
    await checkInvariants(lakes[0])
    const [row] = await query(
      lakes[0],
      `SELECT (SELECT count(*) FROM gold_crypto_trades)::INTEGER AS gold, (SELECT count(*) FROM gold_duplicates)::INTEGER AS duplicates`,
    )
    expect(row).toEqual({ gold: 120, duplicates: 120 })
  })
})

async function* chunked(lines: readonly string[]): AsyncGenerator<Uint8Array> {
  for (let i = 0; i < lines.length; i += 30) yield Buffer.from(`${lines.slice(i, i + 30).join('\n')}\n`)
}

const SILVER = 'tables/market_data/silver_binance_trades'

/** A lake in which bronze has everything and silver has made its first commit. */
async function lakeAtSilver(): Promise<MemoryLake> {
  const lake = memoryLake()
  await produceSimulated(lake, binance, { count: 40, duplicates: 0.1, invalid: 0.1 })
  await drain(lake, { layers: ['bronze'] })
  const { stage, main, sides } = await silverWorker(lake, binance, { limits: { maxRows: 10 } })
  expect(stage.name).toBe('silver-binance')
  expect(sides.get(main.definition.name)).toBe(main)
  return lake
}

describe('commits that get lost', () => {
  it('T20 A8: the put succeeded, its answer did not come, and another commit lies on top before it is read back', async () => {
    const lake = await lakeAtSilver()
    const other = beside(lake)
    let lost: string | undefined
    const dying = beside(lake, async ({ method, key }): Promise<Fault> => {
      if (!lost && method === 'putIfAbsent' && key.startsWith(`${SILVER}/metadata/v2.`)) {
        lost = key
        return 'error_after'
      }
      if (lost && method === 'get' && key === lost) await touch(await other.table(silverTable('binance')))
      return 'none'
    })
    const worker = await silverWorker(dying, binance, { limits: { maxRows: 10 } })
    await runAlone(worker)
    expect(lost).toBeDefined()
    await drain(lake)
    await checkInvariants(lake)
    const calm = await lakeAtSilver()
    await drain(calm)
    expect(await digests(lake)).toEqual(await digests(calm))
    for (const each of [lake, other, dying, calm]) await each.close()
  })

  it('T10 A2: a writer frozen before its put wakes after a hundred commits, the oldest of them cleaned up', async () => {
    const lake = await lakeAtSilver()
    let wake = (): void => undefined
    let froze = (): void => undefined
    const asleep = new Promise<void>((resolve) => {
      wake = resolve
    })
    const isFrozen = new Promise<void>((resolve) => {
      froze = resolve
    })
    const frozen = beside(lake, async ({ method, key }): Promise<Fault> => {
      if (method === 'putIfAbsent' && key === `${SILVER}/metadata/v2.metadata.json`) {
        froze()
        await asleep
      }
      return 'none'
    })
    const worker = await silverWorker(frozen, binance, { limits: { maxRows: 10 } })
    const running = runAlone(worker)
    await isFrozen
    await drain(lake)
    const table = await lake.table(silverTable('binance'))
    for (let n = 0; n < 105; n++) await touch(table)
    lake.clock.advance(3_600_000)
    const { metadataVersions } = await collect(table.table)
    expect(metadataVersions).toContain(`${SILVER}/metadata/v2.metadata.json`)
    const before = await digests(lake)
    wake()
    await running
    expect(worker.events.map(({ kind }) => kind)).toEqual(['refused'])
    expect(await digests(lake)).toEqual(before)
    await checkInvariants(lake)
    expect((await (await lake.table(GOLD_TABLE)).pin()).sequence).toBeGreaterThan(0)
    for (const each of [lake, frozen]) await each.close()
  })
})
