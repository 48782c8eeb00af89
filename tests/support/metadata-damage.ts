import { AssayError } from '@assay/core'
import { defaultMaintenance, type MaintenancePolicy } from '@assay/iceberg'
import { bronzeTable, GOLD_TABLE, silverTable } from '@assay/medallion'
import { CHECKPOINT_PROPERTY, type TableDefinition } from '@assay/pipeline'
import { drain } from './drain.js'
import { checkInvariants } from './invariants.js'
import { binance, copyOf, type MemoryLake, memoryLake } from './memory-lake.js'
import { produceSimulated, START_MS } from './records.js'

export const BRONZE = bronzeTable('binance')
export const SILVER = silverTable('binance')
export const TABLES = [BRONZE, SILVER, GOLD_TABLE] as const

/** What says that numbers of metadata cannot be, instead of going on. */
const STOPS = [
  'corrupt_metadata',
  'lane_ahead_of_upstream',
  'manifest_list_inconsistent',
  'metadata_inconsistent',
  'table_rolled_back',
  'upstream_behind',
]

interface SnapshotJson {
  'snapshot-id': number
  'sequence-number': number
  'timestamp-ms': number
}

interface MetadataJson {
  'last-sequence-number': number
  'last-updated-ms': number
  'last-column-id': number
  'current-snapshot-id': number
  readonly snapshots: SnapshotJson[]
  readonly refs: Record<string, { 'snapshot-id': number }>
  readonly properties: Record<string, string>
}

/** Changes a table's newest metadata file by hand. */
export async function damage(
  { store }: MemoryLake,
  table: TableDefinition,
  change: (metadata: MetadataJson) => void,
): Promise<void> {
  const folder = `tables/market_data/${table.name}/metadata/`
  const numbers: number[] = []
  for await (const { key } of store.list(`${folder}v`)) numbers.push(Number(/v(\d+)\.metadata/.exec(key)?.[1] ?? 0))
  const key = `${folder}v${Math.max(...numbers)}.metadata.json`
  const metadata = JSON.parse(Buffer.from((await store.get(key)) ?? []).toString())
  change(metadata)
  await store.put(key, Buffer.from(JSON.stringify(metadata)))
}

interface CheckpointJson {
  readonly lanes: Record<string, { sequence: number }>
}

export function setSequences(metadata: MetadataJson, sequence: number): void {
  const checkpoint: CheckpointJson = JSON.parse(metadata.properties[CHECKPOINT_PROPERTY] ?? '{}')
  for (const lane of Object.values(checkpoint.lanes)) lane.sequence = sequence
  metadata.properties[CHECKPOINT_PROPERTY] = JSON.stringify(checkpoint)
}

/** A lake on a copy of another's objects, as a process that has just started. */
export async function reopened(lake: MemoryLake, maintenance?: MaintenancePolicy): Promise<MemoryLake> {
  const { log, clock, exchanges } = lake
  return memoryLake({
    store: await copyOf(lake.store, clock),
    log,
    clock,
    exchanges,
    ...(maintenance && { maintenance }),
  })
}

/** Bronze has many snapshots, and silver has read the first of them. */
export async function lagging(maintenance?: MaintenancePolicy): Promise<MemoryLake> {
  const lake = memoryLake(maintenance ? { maintenance } : {})
  const options = { invalid: 0.1, duplicates: 0.1 }
  await produceSimulated(lake, binance, { ...options, count: 16 }, 2)
  await drain(lake, { limits: { maxRows: 8 } })
  await produceSimulated(lake, binance, { ...options, count: 16, seed: 2, startTime_ms: START_MS + 60_000 }, 2)
  await drain(lake, { layers: ['bronze'], limits: { maxRows: 5 } })
  return lake
}

export const SHORT: MaintenancePolicy = {
  ...defaultMaintenance,
  snapshotsToKeep: 2,
  snapshotsKept_ms: 0,
  snapshotsToExpire: 1,
}

/** Either everything arrives, or something stops and says why: never a row skipped. */
export async function goesOnOrStops(lake: MemoryLake): Promise<'right' | string> {
  try {
    await produceSimulated(lake, binance, { count: 8, seed: 3, startTime_ms: START_MS + 120_000 }, 2)
    await drain(lake, { layers: ['bronze'], limits: { maxRows: 3 } })
    await drain(lake)
  } catch (error) {
    if (error instanceof AssayError && STOPS.includes(error.code)) return error.code
    throw error
  }
  await checkInvariants(lake)
  return 'right'
}
