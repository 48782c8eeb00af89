import type { LaneKey, Position } from '@assay/core'
import { currentSnapshot, planFiles, type Snapshot } from '@assay/iceberg'
import type { Layer } from '@assay/medallion'
import type { PinnedTable, TableDefinition } from '@assay/pipeline'
import type { Lake } from '../lake.js'
import { ofTable, pinExisting, type TableProblem } from '../loaded-tables.js'
import { isSuperseded } from './log-lanes.js'

export interface TableReport {
  readonly name: string
  /** False for a table that no worker has made yet. */
  readonly exists: boolean
  readonly rows: number
  readonly files: number
  readonly size_bytes: number
  readonly snapshot_id: bigint | null
  /** Snapshots that can still be queried. */
  readonly snapshots: number
  readonly last_commit_ms: number | null
  /** The checkpoint: what the table has taken of each lane. */
  readonly lanes: readonly LaneReport[]
  /** Why nothing more can be told of the table. */
  readonly problem: TableProblem | null
}

interface LaneReport {
  readonly lane: LaneKey
  readonly position: Position
  /** Greatest event time of valid rows, µs. */
  readonly watermark_us: bigint | null
  /** True while the lane waits for an operator's word. */
  readonly is_stopped: boolean
}

/** Every table of the lake, upstream first, from their metadata alone. */
export async function tableReport(lake: Lake): Promise<TableReport[]> {
  return Promise.all(
    lake.definitions.map(async (definition) => {
      const report = await ofTable(definition, () => reportOf(lake, definition))
      return 'value' in report ? report.value : unusable(report.problem)
    }),
  )
}

function unusable(problem: TableProblem): TableReport {
  const unknown = { snapshot_id: null, snapshots: 0, last_commit_ms: null, lanes: [] }
  return { name: problem.table, exists: true, ...NOTHING, ...unknown, problem }
}

async function reportOf(lake: Lake, definition: TableDefinition): Promise<TableReport> {
  const existing = await pinExisting(lake, definition)
  const snapshot = existing && currentSnapshot(existing.pinned.version.metadata)
  const counts = snapshot ? countsOf(snapshot) : NOTHING
  return {
    name: definition.name,
    exists: existing !== undefined,
    ...(counts ?? (await plannedCounts(lake, definition))),
    snapshot_id: snapshot?.snapshotId ?? null,
    snapshots: existing?.pinned.version.metadata.snapshots.length ?? 0,
    last_commit_ms: snapshot?.timestamp_ms ?? null,
    lanes: existing ? lanesOf(layerOf(lake, definition), existing.pinned) : [],
    problem: null,
  }
}

/** The layer whose main table it is. */
function layerOf({ layers, exchanges }: Lake, { name }: TableDefinition): Layer | undefined {
  return layers.find(({ workers }) => workers(exchanges).some(({ main }) => main.name === name))
}

type Counts = Pick<TableReport, 'rows' | 'files' | 'size_bytes'>

const NOTHING: Counts = { rows: 0, files: 0, size_bytes: 0 }

/** Undefined when the snapshot's writer left the totals out, or rows are deleted by position. */
function countsOf({ summary }: Snapshot): Counts | undefined {
  const total = (name: string): number => Number(summary[name] ?? Number.NaN)
  const counts = {
    rows: total('total-records'),
    files: total('total-data-files'),
    size_bytes: total('total-files-size'),
  }
  const isComplete = Object.values(counts).every(Number.isSafeInteger) && total('total-delete-files') === 0
  return isComplete ? counts : undefined
}

/** The same from the manifests; rows deleted by position are counted off as far as the delete files tell. */
async function plannedCounts(lake: Lake, definition: TableDefinition): Promise<Counts> {
  const { table } = await lake.table(definition)
  const planned = await planFiles(table, await table.load())
  const deletes = new Map(planned.flatMap((file) => file.deletes.map((one) => [one.key, one.file.recordCount])))
  const sum = (values: Iterable<number>): number => [...values].reduce((total, value) => total + value, 0)
  return {
    rows: sum(planned.map(({ file }) => file.recordCount)) - sum(deletes.values()),
    files: planned.length,
    size_bytes: sum(planned.map(({ file }) => file.size_bytes)),
  }
}

function lanesOf(layer: Layer | undefined, { checkpoint }: PinnedTable): LaneReport[] {
  return [...checkpoint.lanes]
    .map(([lane, state]) => ({
      lane,
      position: state.position,
      watermark_us: layer?.watermark_us(state) ?? null,
      is_stopped: state.stop !== undefined && !isSuperseded(lane, checkpoint),
    }))
    .sort(byLane)
}

function byLane(a: LaneReport, b: LaneReport): number {
  return a.lane < b.lane ? -1 : 1
}
