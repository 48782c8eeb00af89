import type { LaneKey, Position } from '@assay/core'
import type { EventLog, LaneAssignment, LaneStatus } from '@assay/event-log'
import type { Exchange } from '@assay/exchanges'
import type { ColumnSpec, LakeTable, LaneCheckpoint, Stage, StageContext, TableDefinition } from '@assay/pipeline'
import type { RuleSet } from '@assay/rules'
import type { SchemaRegistry } from '@assay/schema-registry'

/**
 * A step of the lake: its tables, the workers that fill them, and what is shown of both. Everybody loops over these.
 */
export interface Layer<Name extends string = string> {
  /** Name of the layer, which its metrics and its service carry. */
  readonly name: Name
  /** True when batches begin at multiples of the interval on the wall clock, so that layers below can gather. */
  readonly isAligned: boolean
  /** Without what a worker can't go on, beside the tables; `rules` are read before it starts. */
  readonly needs: readonly Need[]
  /** Tables beside the main ones; one that rows move to comes after the one they move from. */
  readonly sides: readonly TableDefinition[]
  /**
   * Those of `sides` that hold what the layer refused, partitioned by the table that it came from (`bronze_source`).
   */
  readonly deadLetters: readonly TableDefinition[]
  /** Columns that say when a row was judged, in the main tables and in those with dead letters; of a layer that judges. */
  readonly judgedAt?: { readonly main: string; readonly deadLetters: string }
  readonly metrics: LayerMetrics
  workers(exchanges: readonly Exchange[]): readonly LayerWorker[]
  /** Greatest event time that the layer trusts in a lane, µs; undefined where it keeps none. */
  watermark_us(lane: LaneCheckpoint | undefined): bigint | undefined
  /** Views for people. */
  views(exchanges: readonly Exchange[]): readonly View[]
}

type Need = 'log' | 'registry' | 'rules'

/** One worker of a layer. */
export interface LayerWorker {
  /** Name of the worker, as its stage, its events and its logs say it. */
  readonly name: string
  /** The exchange whose trades it works on: processes can share its lanes. Undefined for one that takes all at once. */
  readonly exchange?: Exchange
  readonly main: TableDefinition
  /** The topic of the log that it reads, whose lanes processes can share; undefined when it reads tables. */
  readonly topic?: string
  /** True where the others go on without it when it can't: what it keeps is an extra. */
  readonly isOptional?: true
  /** The tables that the worker reads. */
  readonly upstreams: readonly Upstream[]
  stage(context: StageContext, parts: StageParts): Stage
}

/** A table that a worker reads. */
interface Upstream {
  readonly definition: TableDefinition
  /** The column that says when a row was written to it. */
  readonly writtenAt: string
}

/** What a stage is made of. */
interface StageParts {
  readonly main: LakeTable
  /** The worker's upstream tables, in its order. */
  readonly upstreams: readonly LakeTable[]
  readonly assignment: LaneAssignment
  readonly log: EventLog
  readonly registry: SchemaRegistry
  /** True once the layers above have all that will come; not given where there is no end. */
  readonly upstreamEnded?: () => boolean
  /** Called with the log's lanes whenever they are looked at. */
  readonly onLanes: (statuses: readonly LaneStatus[]) => void
  readonly settings: LayerSettings
}

/** What an operator sets of the layers. */
export interface LayerSettings {
  /** The rules that silver judges by. */
  readonly rules: RuleSet
  /** Memory that gold's key set may take. */
  readonly keySet_bytes: number
  /** Take upstream tables with another uuid for the old ones, by positions. */
  readonly adopt: boolean
  /** Where a drain ends in each lane of the log; nothing ends without. */
  readonly until?: ReadonlyMap<LaneKey, Position>
}

/** Counts of a batch (`Batch.counts`, `Batch.breakdowns`) as metrics `assay_<layer>_<name>`. */
interface LayerMetrics {
  /** Help texts of counters (`…_total`), by the name of the count. */
  readonly counters: Readonly<Record<string, Metric>>
  /** Counted up by a label, as `…_total`; by the name of the breakdown. */
  readonly breakdowns: Readonly<Record<string, Metric & { readonly label: string }>>
  /** Help texts of gauges, by the name of the count. */
  readonly gauges: Readonly<Record<string, Metric>>
}

interface Metric {
  readonly name: string
  readonly help: string
}

export interface View {
  readonly name: string
  /** What a row of it is, for people. */
  readonly means: string
  /** Its columns, in order, for people. */
  readonly columns: readonly ColumnSpec[]
  readonly select: string
  /** Tables that the view reads. */
  readonly reads: readonly string[]
}

/** Every table of the layers, upstream first, main tables before those beside them. */
export function tablesOf(layers: readonly Layer[], exchanges: readonly Exchange[]): TableDefinition[] {
  return layers.flatMap(({ workers, sides }) => [...workers(exchanges).map(({ main }) => main), ...sides])
}
