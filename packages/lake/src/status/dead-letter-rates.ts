import { START } from '@assay/core'
import { planFiles } from '@assay/iceberg'
import type { LayerWorker } from '@assay/medallion'
import { replayLane, type TableDefinition } from '@assay/pipeline'
import type { Lake } from '../lake.js'
import { ofTable, pinExisting } from '../loaded-tables.js'
import type { TableState, TableStates } from './table-states.js'

/** What became of records when they were judged first, whether they were replayed later or not. */
export interface DeadLetterRate {
  readonly exchange: string
  readonly judged: number
  /** Dead letters, the archived ones included; those that were purged from the archive are forgotten. */
  readonly rejected: number
  /** Rejected part of the judged rows, 0 … 1; null before any row was judged. */
  readonly rate: number | null
}

/**
 * Dead letters by the table that they came from: their tables are partitioned by it, so manifests suffice. Undefined
 * when one of them can't be used.
 */
export async function rejectedBySource(
  lake: Lake,
  deadLetters: readonly TableDefinition[],
  states: TableStates,
): Promise<Map<string, number> | undefined> {
  const counts = new Map<string, number>()
  for (const definition of deadLetters) {
    const counted = await ofTable(definition, async () => {
      const existing = await pinExisting(lake, definition)
      if (!existing) return
      const { table, pinned } = existing
      for (const planned of await planFiles(table.table, pinned.version)) {
        const source = String(table.partitionOf(pinned.version, planned)?.bronze_source)
        counts.set(source, (counts.get(source) ?? 0) + planned.file.recordCount)
      }
    })
    if ('value' in counted) continue
    states.unusable.set(definition.name, counted.problem)
    return undefined
  }
  return counts
}

/** Of what a worker refused of its upstream tables. A replayed row was counted when its dead letter was written. */
export function rateOf(
  { main, exchange, upstreams }: LayerWorker,
  state: TableState,
  bySource: ReadonlyMap<string, number>,
): DeadLetterRate {
  const rejected = upstreams.reduce((sum, { definition }) => sum + (bySource.get(definition.name) ?? 0), 0)
  const replayed = state.checkpoint.lanes.get(replayLane(main))?.position ?? START
  const judged = state.rows - Number(replayed) + rejected
  return { exchange: exchange?.name ?? 'all', judged, rejected, rate: judged === 0 ? null : rejected / judged }
}
