import { AssayError, type LaneKey, parseLaneKey } from '@assay/core'
import { quoteIdentifier, quoteText } from '@assay/engine'
import type { PlannedFile } from '@assay/iceberg'
import type { ExistingTable, TableProblem } from '@assay/lake'
import {
  type Checkpoint,
  type FileFilter,
  type LakeTable,
  type PinnedTable,
  type ScanFile,
  scanSql,
  type TableDefinition,
} from '@assay/pipeline'

/** Offsets [from, to) of a lane. */
export interface OffsetRange {
  readonly key: LaneKey
  readonly from: bigint
  readonly to: bigint
}

/** Columns that hold a coordinate. */
export interface CoordinateColumns {
  readonly topic: string
  readonly partition: string
  readonly offset: string
}

const NO_CHECKPOINT: Checkpoint = { sources: {}, topics: {}, lanes: new Map() }

/** A table held at one snapshot, less the files that can't be read; a table that nobody has made yet is empty. */
export class PinnedScan {
  readonly definition: TableDefinition
  readonly table: LakeTable | undefined
  readonly pinned: PinnedTable | undefined
  /** Why the table can't be used; whatever asks for its files is told so. */
  readonly problem: TableProblem | undefined
  readonly #unreadable = new Set<string>()
  readonly #pending: PlannedFile[] = []

  constructor(definition: TableDefinition, existing?: ExistingTable, problem?: TableProblem) {
    this.definition = definition
    this.table = existing?.table
    this.pinned = existing?.pinned
    this.problem = problem
  }

  get name(): string {
    return this.definition.name
  }

  get checkpoint(): Checkpoint {
    if (this.problem) throw unusable(this.problem)
    return this.pinned?.checkpoint ?? NO_CHECKPOINT
  }

  /** Counts files in that a main table has decided on and that are not published yet. */
  addPending(files: readonly PlannedFile[]): void {
    this.#pending.push(...files)
  }

  isPending(file: PlannedFile): boolean {
    return this.#pending.includes(file)
  }

  /** Leaves a file out from now on. */
  leaveOut(key: string): void {
    this.#unreadable.add(key)
  }

  async plan(filter: FileFilter = {}): Promise<PlannedFile[]> {
    if (this.problem) throw unusable(this.problem)
    if (!this.table || !this.pinned) return []
    const planned = await this.table.plan(this.pinned.version, filter)
    return [...planned, ...this.#pending].filter(({ key }) => !this.#unreadable.has(key))
  }

  async files(filter: FileFilter = {}, isWanted = (_file: PlannedFile): boolean => true): Promise<ScanFile[]> {
    const { table } = this
    if (this.problem) throw unusable(this.problem)
    if (!table) return []
    return Promise.all((await this.plan(filter)).filter(isWanted).map((file) => table.scanFile(file)))
  }

  /** SQL of the table's rows in files that the filter keeps. */
  async sql(filter: FileFilter = {}): Promise<string> {
    return scanSql(this.definition, await this.files(filter))
  }

  /** SQL of the rows whose coordinates lie in the ranges. */
  async rowsIn(
    ranges: readonly OffsetRange[],
    coordinates: CoordinateColumns = this.coordinates(),
    filter: Pick<FileFilter, 'keepPartition'> = {},
  ): Promise<string> {
    const rows = await this.sql({
      ...filter,
      keep: (bounds) =>
        ranges.some(({ key, from, to }) => {
          const { partition } = parseLaneKey(key)
          return (
            bounds.meets(coordinates.partition, partition, partition) && bounds.meets(coordinates.offset, from, to - 1n)
          )
        }),
    })
    return `SELECT * FROM (${rows}) WHERE ${inRanges(ranges, coordinates)}`
  }

  /** The columns of the table's own coordinates. */
  coordinates(): CoordinateColumns {
    const { coordinates } = this.definition
    if (!coordinates) throw new RangeError(`${this.name} has no coordinates`)
    return coordinates
  }
}

function unusable({ code, message, hint }: TableProblem): AssayError {
  return new AssayError(code, message, hint === null ? {} : { hint })
}

/** SQL condition; the least and the greatest offset stand by themselves, so that they reach the files' statistics. */
export function inRanges(ranges: readonly OffsetRange[], coordinates: CoordinateColumns): string {
  if (ranges.length === 0) return 'false'
  const [topic, partition, offset] = [coordinates.topic, coordinates.partition, coordinates.offset].map(quoteIdentifier)
  const low = ranges.reduce((least, { from }) => (from < least ? from : least), ranges[0]?.from ?? 0n)
  const high = ranges.reduce((greatest, { to }) => (to > greatest ? to : greatest), 0n)
  const lanes = ranges.map(({ key, from, to }) => {
    const lane = parseLaneKey(key)
    return `(${partition} = ${lane.partition} AND ${offset} >= ${from} AND ${offset} < ${to} AND ${topic} = ${quoteText(lane.topic)})`
  })
  return `${offset} >= ${low} AND ${offset} < ${high} AND (${lanes.join(' OR ')})`
}
