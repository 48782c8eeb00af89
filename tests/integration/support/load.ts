import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { isRetryable, systemClock, systemRandom } from '@assay/core'
import { type Exchange, exchanges, type SimulationTally, simulate } from '@assay/exchanges'
import { loadSources, openSources } from '@assay/feed'
import { embeddedParts, type Lake, openLake } from '@assay/lake'
import { wireHeader } from '@assay/schema-registry'
import { drain } from '../../support/drain.js'
import { withTables } from '../../support/tables.js'

/** Trades that any lake can be loaded with, the same for the same values. */
export interface Load {
  /** Simulated records of each exchange. */
  readonly count: number
  readonly seed: number
  readonly partitions: number
  /** Load the recorded trades first. */
  readonly samples?: boolean
  /** Simulated records a second of each exchange; as fast as they go without. */
  readonly rate?: number
}

/** What a lake holds, in figures that change with every row. */
export interface Figures {
  readonly gold: readonly Readonly<Record<string, unknown>>[]
  readonly duplicates: number
  readonly bronze: number
  readonly dead_letters: Readonly<Record<string, number>>
}

const START_MS = Date.UTC(2026, 0, 1)
const BATCHES_PER_SECOND = 5
/** So few by their own time that minutes close while they are produced. */
const TRADES_PER_SECOND = 20
const RETRY_MS = 300
const OUTAGE_MS_MAX = 120_000

/** Puts the load into the log. A batch whose answer got lost is sent again, so the log may hold it twice. */
export async function produce(lake: Lake, load: Load): Promise<ReadonlyMap<string, SimulationTally>> {
  const tallies = await Promise.all(
    lake.exchanges.map(async (exchange) => [exchange.name, await produceOf(lake, exchange, load)] as const),
  )
  return new Map(tallies)
}

async function produceOf(lake: Lake, exchange: Exchange, load: Load): Promise<SimulationTally> {
  const { count, seed, partitions, samples, rate } = load
  const schemaId = await persistently(async () => {
    await lake.log.ensureTopic(exchange.topic, partitions)
    return lake.registry.register(`${exchange.topic}-value`, exchange.schema)
  })
  if (samples) await loadSamples(lake, exchange)
  const simulation = simulate({
    exchange,
    count,
    seed,
    schemaId,
    wireHeader,
    startTime_ms: START_MS,
    rate: TRADES_PER_SECOND,
    duplicates: 0.02,
    invalid: 0.01,
    late: 0.01,
    batchRecords: rate === undefined ? 5_000 : Math.ceil(rate / BATCHES_PER_SECOND),
  })
  const from_ms = performance.now()
  let produced = 0
  for (const batch of simulation.batches) {
    await persistently(() => lake.log.produce(exchange.topic, batch))
    produced += batch.count
    if (rate !== undefined) await sleep(Math.max(0, from_ms + (produced / rate) * 1_000 - performance.now()))
  }
  return simulation.tally()
}

async function loadSamples(lake: Lake, exchange: Exchange): Promise<void> {
  const sources = await openSources(
    exchange.samples.map((url) => fileURLToPath(url)),
    process.stdin,
  )
  const { signal } = new AbortController()
  await loadSources(lake, { exchange, sources, signal, onProgress: () => undefined })
}

async function persistently<T>(work: () => Promise<T>): Promise<T> {
  const giveUpAt_ms = performance.now() + OUTAGE_MS_MAX
  for (;;) {
    try {
      return await work()
    } catch (error) {
      if (!isRetryable(error) || performance.now() > giveUpAt_ms) throw error
      await sleep(RETRY_MS)
    }
  }
}

/** Figures of the same load on the embedded parts, all in this process. */
export async function embeddedFigures(load: Load): Promise<Figures> {
  const folder = mkdtempSync(path.join(tmpdir(), 'assay-embedded-'))
  const lake = await openLake({ parts: embeddedParts(folder), clock: systemClock, random: systemRandom })
  try {
    const { rate: _, ...unpaced } = load
    await produce(lake, unpaced)
    await drain(lake)
    return await figuresOf(lake)
  } finally {
    await lake.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

export function figuresOf(lake: Lake): Promise<Figures> {
  const bronzes = exchanges.map(({ name }) => `SELECT 1 FROM bronze_${name}_trades`).join(' UNION ALL ')
  return withTables(lake, async ({ rows, value }) => {
    const reasons = await rows(
      'SELECT error_reason AS reason, count(*)::INT AS n FROM silver_dlq_trades GROUP BY 1 ORDER BY 1',
    )
    return {
      gold: await rows(`SELECT exchange, symbol, side, count(*)::INT AS trades, sum(price)::VARCHAR AS price,
        sum(quantity)::VARCHAR AS quantity, sum(price * quantity)::VARCHAR AS turnover, sum("timestamp")::VARCHAR AS times,
        sum(hash(trade_id))::VARCHAR AS ids FROM gold_crypto_trades GROUP BY ALL ORDER BY ALL`),
      duplicates: Number(await value('SELECT count(*) FROM gold_duplicates')),
      bronze: Number(await value(`SELECT count(*) FROM (${bronzes})`)),
      dead_letters: Object.fromEntries(reasons.map(({ reason, n }) => [String(reason), Number(n)])),
    }
  })
}
