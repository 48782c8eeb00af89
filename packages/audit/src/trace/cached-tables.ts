import type { Lane } from '@assay/core'
import { quoteIdentifier, quoteText } from '@assay/engine'
import { type Lake, ofTable, pinExisting, type TableProblem } from '@assay/lake'
import { type FileFilter, scanSql, type TableDefinition } from '@assay/pipeline'
import { type CoordinateColumns, PinnedScan } from '../pinned/pinned-scan.js'
import type { SessionPool } from './session-pool.js'
import { rowsOf, type TableRows, tableRows } from './table-row.js'

/** Where a record lies in the log. */
export interface RecordCoordinates extends Lane {
  readonly offset: bigint
}

export type PartitionFilter = NonNullable<FileFilter['keepPartition']>

/** Rows that a side table lists of one record. */
const ROWS_MAX = 20

/** The lake's tables as they stand, each pinned once, when it is first asked for. */
export class CachedTables {
  /** Tables that can't be used as they are, and count as empty here: the others tell what they know. */
  readonly unusable = new Map<string, TableProblem>()
  readonly #lake: Lake
  readonly #sessions: Promise<SessionPool>
  readonly #scans = new Map<string, Promise<PinnedScan>>()

  constructor(lake: Lake, sessions: Promise<SessionPool>) {
    this.#lake = lake
    this.#sessions = sessions
  }

  scan(definition: TableDefinition): Promise<PinnedScan> {
    const known = this.#scans.get(definition.name)
    if (known) return known
    const scan = this.#hold(definition)
    this.#scans.set(definition.name, scan)
    return scan
  }

  async #hold(definition: TableDefinition): Promise<PinnedScan> {
    const found = await ofTable(definition, async () => {
      const scan = new PinnedScan(definition, await pinExisting(this.#lake, definition))
      // Many plan at once soon: the first one alone reads the manifests.
      await scan.plan()
      return scan
    })
    if ('value' in found) return found.value
    this.unusable.set(definition.name, found.problem)
    return new PinnedScan(definition)
  }

  /** Begins to read the metadata of tables that will be asked for; whoever asks is told of what fails. */
  readAhead(definitions: readonly TableDefinition[]): void {
    for (const definition of definitions) this.scan(definition).catch(() => undefined)
  }

  /** Rows that name a record in the given columns: only files whose bounds admit it are opened. */
  async rowsAt(
    definition: TableDefinition,
    coordinates: RecordCoordinates,
    columns?: CoordinateColumns,
    keepPartition?: PartitionFilter,
  ): Promise<TableRows> {
    const scan = await this.scan(definition)
    const { topic, partition, offset } = columns ?? scan.coordinates()
    const files = await scan.files({
      keep: (bounds) =>
        bounds.meets(partition, coordinates.partition, coordinates.partition) &&
        bounds.meets(offset, coordinates.offset, coordinates.offset),
      ...(keepPartition && { keepPartition }),
    })
    if (files.length === 0) return rowsOf(definition, [])
    const sql = `SELECT * FROM (${scanSql(definition, files)}) WHERE ${quoteIdentifier(offset)} = ${coordinates.offset}
      AND ${quoteIdentifier(partition)} = ${coordinates.partition} AND ${quoteIdentifier(topic)} = ${quoteText(coordinates.topic)}`
    return tableRows(await this.#sessions, definition, sql, ROWS_MAX)
  }

  /** Rows that meet a condition, of files that the filter keeps; `ROWS_MAX` of them unless more are asked for. */
  async rowsWhere(
    definition: TableDefinition,
    condition: string,
    filter: FileFilter = {},
    limit = ROWS_MAX,
  ): Promise<TableRows> {
    const files = await (await this.scan(definition)).files(filter)
    if (files.length === 0) return rowsOf(definition, [])
    const sql = `SELECT * FROM (${scanSql(definition, files)}) WHERE ${condition}`
    return tableRows(await this.#sessions, definition, sql, limit)
  }
}
