import { collect, removeOrphans } from '@assay/iceberg'
import { goldLayer } from '@assay/medallion'
import { loadCompress } from '@assay/parquet'
import { DEFAULT_LIMITS } from '@assay/pipeline'
import { checkTables } from '../support/invariants.js'
import type { MemoryLake } from '../support/memory-lake.js'
import { digestsOf, type Tables, withTables } from '../support/tables.js'
import { checkAcknowledged, checkAgainstHistory } from './check-log.js'
import { checkStore } from './check-store.js'
import { drainAll, drainLayer } from './drain-all.js'
import { replayDeadLetters } from './jobs.js'
import { TABLES } from './named-objects.js'
import type { Profile } from './scenario.js'
import { Simulation } from './simulation.js'
import { StorageLog } from './storage-log.js'
import { isOfPipeline, textOf, undisturbed } from './undisturbed.js'
import type { WorldOptions } from './world.js'

export interface SeedOptions extends WorldOptions {
  /** Instead of the one that the seed draws. */
  readonly profile?: Profile
}

export interface SeedResult {
  readonly seed: number
  readonly profile: string
  /** Nothing, unless a promise was broken. */
  readonly failures: readonly string[]
  /** Of all that happened; the same for the same seed. */
  readonly hash: string
  readonly steps: number
  readonly disturbances: number
  readonly trace: readonly string[]
}

const DAY_MS = 86_400_000

/** One course of events and all that must hold after it. */
export async function runSeed(seed: number, options: SeedOptions = {}): Promise<SeedResult> {
  // A module that is being loaded is nothing that the world sees its processes wait for.
  await loadCompress()
  const simulation = new Simulation(seed, options)
  const { world, scenario, violations } = simulation
  const failures: string[] = []
  try {
    await simulation.run()
    if (violations.length === 0) await (scenario.profile === 'store' ? checkStore(simulation) : checkAfter(simulation))
  } catch (error) {
    failures.push(describe(error))
  } finally {
    await simulation.close()
  }
  failures.unshift(...violations)
  const { hash, steps, trace, disturbances } = world
  return { seed, profile: scenario.profile, failures, hash, steps, disturbances, trace }
}

/** An assertion's error with what was found, which its message cuts short. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const { actual } = error as { actual?: unknown }
  const found =
    actual === undefined
      ? ''
      : `found ${JSON.stringify(actual, (_, value) => (typeof value === 'bigint' ? `${value}` : value))}\n`
  return `${found}${error.stack ?? error.message}`
}

async function checkAfter(simulation: Simulation): Promise<void> {
  const { world, scenario, log, external, violations } = simulation
  const lake = simulation.lake()
  const logIsWhole = scenario.profile !== 'log' && scenario.profile !== 'storage'
  try {
    await drainAll(simulation, lake).catch((error: unknown) => violations.push(describe(error)))
    if (scenario.replays > 0) {
      await replayDeadLetters(lake, DEFAULT_LIMITS, new AbortController().signal)
      await drainLayer(lake, goldLayer)
    }
    await cleanUp(simulation, lake)
    await withTables(lake, async (tables) => {
      if (!logIsWhole) violations.push(...(await checkAgainstHistory(lake, tables, log, external.starts)))
      if (log instanceof StorageLog) violations.push(...(await checkAcknowledged(lake, tables, log)))
      await checkTables(lake, tables, { logIsWhole })
      if (scenario.changesRules) violations.push(...(await checkRules(lake, tables)))
      const found = textOf(await digestsOf(lake, tables, isOfPipeline))
      world.tell(found)
      if (scenario.workload.isComparable && logIsWhole && !scenario.changesRules) {
        const expected = await undisturbed(scenario.workload)
        if (found !== expected) violations.push(`tables are ${found} and would have been ${expected}`)
      }
    })
  } finally {
    await lake.close()
  }
}

/** What a day's clean-up leaves is what the newest versions name. */
async function cleanUp({ world, store, named, violations }: Simulation, lake: MemoryLake): Promise<void> {
  // Ages are told by what a process saw of the table: it has to be there when the day begins.
  for (const definition of lake.definitions) await (await lake.table(definition)).table.load()
  // A file is a day old for certain when that much has passed since the table's last commit, which may be long before it.
  world.now_ms += DAY_MS + (world.now_ms - world.start_ms) + 60_000
  for (const definition of lake.definitions) {
    const { table } = await lake.table(definition)
    await collect(table)
    const { checkpoint } = await (await lake.table(definition)).pin()
    const files = definition.state?.files(checkpoint) ?? []
    const { location } = (await table.load()).metadata
    const keys = files.map((key) => location + key.slice(`${TABLES}/${definition.name}`.length))
    await removeOrphans(table, { keep: new Set(keys) })
    const tableKey = `${TABLES}/${definition.name}`
    const [newest] = await named.versionsSince(tableKey, Number.POSITIVE_INFINITY)
    if (!newest) continue
    const left = await named.of(newest)
    for await (const { key } of store.list(`${tableKey}/`)) {
      const isKept = /\/metadata\/(v\d+\.|version-hint|trash)/.test(key) || files.includes(key)
      if (!isKept && !left.has(key)) violations.push(`left behind: ${key}`)
    }
    for (const key of left) if (!(await store.size_bytes(key))) violations.push(`named but gone: ${key}`)
  }
}

/** S2: what a row was judged by is what the ledger says was in force at its place. */
async function checkRules(lake: MemoryLake, tables: Tables): Promise<string[]> {
  const judged = lake.exchanges.flatMap(({ name }) => [
    [
      `silver_${name}_trades`,
      `SELECT topic, "partition", "offset" AS o, rule_version FROM silver_${name}_trades WHERE replay_id IS NULL`,
    ],
    [
      `silver_${name}_trades`,
      `SELECT topic, "partition", kafka_offset AS o, rule_version FROM silver_dlq_trades
       WHERE bronze_source = 'bronze_${name}_trades'`,
    ],
  ])
  const wrong: string[] = []
  for (const [table, rows] of judged) {
    const found = await tables.rows(
      `SELECT topic, "partition", o FROM (${rows}) t WHERE rule_version IS DISTINCT FROM (
        SELECT arg_max(rule_version, from_offset) FROM rule_sets r WHERE r.table_name = '${table}'
        AND r.topic = t.topic AND r."partition" = t."partition" AND r.from_offset <= t.o)`,
    )
    for (const { topic, partition, o } of found) wrong.push(`${topic}/${partition} ${o} was judged by other rules`)
  }
  return wrong
}
