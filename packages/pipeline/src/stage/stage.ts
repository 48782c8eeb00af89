import type { DataFile } from '@assay/iceberg'
import type { Checkpoint } from '../checkpoint/checkpoint.js'
import type { CheckpointChange } from '../checkpoint/demand.js'
import type { LaneRows } from '../hand-over/lane-rows.js'
import type { TableDefinition } from '../table/definition.js'

/** Limits of one batch. */
export interface BatchLimits {
  readonly maxRows: number
  /** Greatest number of bytes of record values. */
  readonly maxBytes: number
  /** Distinct partitions of the tables written; a batch is cut before it has more. */
  readonly maxPartitions: number
}

export const DEFAULT_LIMITS: BatchLimits = { maxRows: 114_688, maxBytes: 32 * 2 ** 20, maxPartitions: 64 }

/** Files written for a side table, to be published after the main commit. */
export interface SideFiles {
  readonly table: TableDefinition
  readonly files: readonly DataFile[]
}

/** What a stage made of a range of its lanes, written but not committed. */
interface ReplacedFiles {
  readonly paths: readonly string[]
  /** Sequence number of the version that they were read from. */
  readonly plannedAt: number
}

export interface Batch {
  readonly kind: 'batch'
  readonly files: readonly DataFile[]
  readonly sides: readonly SideFiles[]
  /** Files of the main table whose rows `files` have anew, as far as they stay. */
  readonly replaces?: ReplacedFiles
  readonly change: CheckpointChange
  /** Rows taken from upstream. */
  readonly rows: number
  /** True when a limit left rows behind: the next batch need not wait. */
  readonly more: boolean
  /** For metrics and logs, read once the batch is committed: rows by what became of them; `…_bytes` are sizes. */
  readonly counts: Readonly<Record<string, number>>
  /** Counts by the values of a label, as rows refused by reason. */
  readonly breakdowns?: Readonly<Record<string, Readonly<Record<string, number>>>>
  /**
   * The rows of `files` by lane, for the layer below: all that the table has of the offsets that the batch took, with
   * all of its columns. Never changed again.
   */
  readonly handOver?: readonly LaneRows[]
  /** Called once the batch is committed; until then the stage's memory is as before it. */
  readonly committed: (snapshot: { readonly id: bigint; readonly sequence: number }) => void
}

export type StageOutcome = Batch | { readonly kind: 'idle' }

/** One layer's work, as the worker drives it. */
export interface Stage {
  readonly name: string
  readonly main: TableDefinition
  readonly sides: readonly TableDefinition[]
  /** Plans a batch on the checkpoint, runs it and writes its files. Commits nothing. */
  run(checkpoint: Checkpoint, signal: AbortSignal): Promise<StageOutcome>
  /** Drops what the stage remembers from earlier batches; the table is the truth. */
  forget(): void
  /** Resolves when there may be something new upstream, or at the time limit. */
  wait(checkpoint: Checkpoint, timeout_ms: number, signal: AbortSignal): Promise<void>
}
