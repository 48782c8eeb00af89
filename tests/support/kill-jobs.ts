import { seededRandom } from '@assay/core'
import type { Lake } from '@assay/lake'
import { FaultyStore } from '@assay/object-store'
import { runReplay, runRetention } from '@assay/operations'
import { expect } from 'vitest'
import { misjudgedLake, NEVER, produceBinance, REPLAY, tradesWithRejects, WRONG_RULES } from './dead-letters.js'
import { drain } from './drain.js'
import { checkInvariants } from './invariants.js'
import { copyOf, type MemoryLake, memoryLake } from './memory-lake.js'
import { query } from './tables.js'

const SEED = 7
const DAY_MS = 86_400_000

/** Which of a job's writes it is killed at. */
export type Chosen = (at: number) => boolean

export function sampleOf(one_in: number): Chosen {
  return (at) => at % one_in === 0
}

/**
 * Kills a job at each chosen write of its own, done or not, so that no later call is answered; `after` runs it again in
 * another process and looks at what came of it.
 */
async function killInTurn(
  from: MemoryLake,
  job: (lake: Lake) => Promise<unknown>,
  chosen: Chosen,
  after: (lake: MemoryLake) => Promise<void>,
): Promise<void> {
  const open = async (fails: (at: number, isWrite: boolean) => 'none' | 'error_before' | 'error_after') => {
    const store = await copyOf(from.store, from.clock)
    const faulty = new FaultyStore(store, ({ index, method }) => fails(index, /^(put|delete)/.test(method)))
    return { store, lake: memoryLake({ ...from, store: faulty, random: seededRandom(SEED) }) }
  }
  const writes: number[] = []
  const undisturbed = await open((at, isWrite) => {
    if (isWrite) writes.push(at)
    return 'none'
  })
  await job(undisturbed.lake)
  await undisturbed.lake.close()
  expect(writes.length).toBeGreaterThan(10)
  for (const [n, at] of writes.entries()) {
    if (!chosen(n)) continue
    for (const kind of ['error_before', 'error_after'] as const) {
      const killed = await open((index) => (index < at ? 'none' : index === at ? kind : 'error_before'))
      // The last writes are hints to readers: a job may end well without them.
      const isLast = at === writes.at(-1)
      if (isLast) await job(killed.lake).catch(() => undefined)
      else await expect(job(killed.lake)).rejects.toThrow()
      await killed.lake.close()
      const restarted = memoryLake({ ...from, store: killed.store, random: seededRandom(SEED + 1) })
      await after(restarted)
      await restarted.close()
    }
  }
}

/** Of every dead letter one row in gold in the end, and one resolution. */
export async function killReplays(chosen: Chosen): Promise<void> {
  const from = await misjudgedLake(tradesWithRejects(12, 2))
  const request = { ...REPLAY, limits: { maxRows: 4, maxBytes: 2 ** 20, maxPartitions: 64 } }
  const job = (lake: Lake) => runReplay(lake, request, NEVER)
  await killInTurn(from, job, chosen, async (lake) => {
    await job(lake)
    await drain(lake, { layers: ['gold'] })
    await checkInvariants(lake)
    expect(await query(lake, 'SELECT count(*)::INTEGER AS n FROM gold_crypto_trades')).toEqual([{ n: 12 }])
  })
  await from.close()
}

/** Every dead letter in the queue, the archive or the resolutions of a purge, and none of them twice in the end. */
export async function killRetentions(chosen: Chosen): Promise<void> {
  const from = await lakeToRetain()
  await killInTurn(
    from,
    (lake) => runRetention(lake, false),
    chosen,
    async (lake) => {
      const { queue = [], archive = [] } = await deadLetterOffsets(lake)
      expect([...queue, ...archive]).toEqual(expect.arrayContaining([3n, 6n]))
      await runRetention(lake, false)
      await checkInvariants(lake)
      expect(await deadLetterOffsets(lake)).toEqual(RETAINED)
    },
  )
  await from.close()
}

const RETAINED = { queue: [6n], archive: [3n], archived: [0n, 3n], purged: [0n] }

/** One dead letter due to be purged, one to be archived, one to stay. */
async function lakeToRetain(): Promise<MemoryLake> {
  const lake = await misjudgedLake(tradesWithRejects(3, 3))
  lake.clock.advance(31 * DAY_MS)
  await runRetention(lake, false)
  const later = async (trades: number, days: number): Promise<void> => {
    lake.clock.advance(days * DAY_MS)
    await produceBinance(lake, tradesWithRejects(trades, 3).slice(trades - 3))
    await drain(lake, { rules: WRONG_RULES })
  }
  await later(6, 60)
  await later(9, 31)
  return lake
}

/** Offsets of the dead letters in each place. */
export async function deadLetterOffsets(lake: Lake): Promise<Record<string, readonly bigint[]>> {
  const offsets = async (sql: string) => (await query(lake, sql)).map(({ n }) => n as bigint)
  const resolved = (resolution: string) =>
    offsets(`SELECT kafka_offset AS n FROM silver_dlq_resolutions WHERE resolution = '${resolution}' ORDER BY 1`)
  return {
    queue: await offsets('SELECT kafka_offset AS n FROM silver_dlq_trades ORDER BY 1'),
    archive: await offsets('SELECT kafka_offset AS n FROM silver_dlq_trades_archive ORDER BY 1'),
    archived: await resolved('archived'),
    purged: await resolved('purged'),
  }
}
