import { rm } from 'node:fs/promises'
import type { Clock, Random } from '@assay/core'
import { type ParquetField, quoteIdentifier, type Session, type WrittenParquet } from '@assay/engine'
import {
  type Catalog,
  createTable,
  currentSnapshot,
  type DataFile,
  keyOfPath,
  type MaintenancePolicy,
  type NestedField,
  type PlannedFile,
  pathInTable,
  planFiles,
  refuseIfMoved,
  type Table,
  type TableNotice,
  type TableVersion,
} from '@assay/iceberg'
import type { ObjectStore } from '@assay/object-store'
import { CHECKPOINT_PROPERTY, type Checkpoint, parseCheckpoint, standsBeyond } from '../checkpoint/checkpoint.js'
import { type CopyEnd, copiedColumns, partitionsOfRows, wholeRows } from './copied-rows.js'
import { icebergField, sqlType, type TableDefinition } from './definition.js'
import { encodeRows } from './encode-rows.js'
import { boundsOf, partitionTuple, partitionValues, type RowBounds, writtenFile } from './file-statistics.js'
import { encodedField, parquetField, sqlTypeOf } from './iceberg-types.js'
import { type PollInterval, Polls } from './polls.js'
import type { PartitionValue, RowSource } from './row-source.js'
import type { ScanFile } from './scan.js'
import type { CommitSignals } from './signals.js'
import { TableColumns, type Writable } from './table-columns.js'

/** A snapshot held on to, with the checkpoint that was committed with it. */
export interface PinnedTable {
  readonly version: TableVersion
  readonly checkpoint: Checkpoint
  readonly uuid: string
  /** Sequence number of the newest snapshot; 0 in a table without one. */
  readonly sequence: number
}

/** Which data files a reader wants; what a filter can't tell is kept. */
export interface FileFilter {
  /** Only files whose file sequence number is above, or unknown. */
  readonly afterFileSequence?: number
  readonly keepPartition?: (values: Readonly<Record<string, PartitionValue>>) => boolean
  readonly keep?: (bounds: RowBounds) => boolean
}

interface LakeTableDependencies {
  readonly catalog: Catalog
  readonly store: ObjectStore
  readonly clock: Clock
  readonly random: Random
  readonly signals: CommitSignals
  /** How often to look for commits of other processes while waiting for one; every tenth of a second by default. */
  readonly poll?: PollInterval
  /** For how long a commit of an older version of Assay keeps columns from being added; an hour unless given. */
  readonly olderVersions_ms?: number
  readonly maintenance?: MaintenancePolicy
  /** How old the newest version may be that is worked on; see `Table.recent`. */
  readonly recall_ms?: number
  readonly onNotice?: (notice: TableNotice) => void
}

/** Live files of one partition of a table, whose rows are to be written anew. */
interface RowsToCopy {
  readonly table: LakeTable
  readonly version: TableVersion
  readonly files: readonly PlannedFile[]
  /** SQL condition on columns of the table's definition; all rows without. */
  readonly where?: string
}

/** What a stage needs of the table that it reads. */
export type UpstreamTable = Pick<LakeTable, 'definition' | 'files' | 'pin' | 'waitForCommit'>

/** One of the lake's tables: its definition, and the Iceberg table behind it. */
export class LakeTable {
  readonly definition: TableDefinition
  readonly table: Table
  readonly #dependencies: LakeTableDependencies
  readonly #columns: TableColumns
  /** Field ids of columns that are there never change, so those of the newest version are right for older ones. */
  #ids: ReadonlyMap<string, number> | undefined
  #pinned: PinnedTable | undefined
  readonly #polls: Polls

  private constructor(definition: TableDefinition, table: Table, dependencies: LakeTableDependencies) {
    this.definition = definition
    this.table = table
    this.#dependencies = dependencies
    this.#polls = new Polls(dependencies.clock, dependencies.poll)
    this.#columns = new TableColumns(definition, table, dependencies.clock, dependencies.olderVersions_ms)
  }

  /**
   * Opens the table, making it if it is missing. Columns that it lacks are added when something is first written: who
   * only reads changes nothing. Throws `table_incompatible`, as reading and writing do once another engine made it so.
   */
  static async open(definition: TableDefinition, dependencies: LakeTableDependencies): Promise<LakeTable> {
    const description = { fields: definition.columns.map(icebergField), partitionBy: definition.partitionBy }
    const table = await createTable(dependencies.catalog, definition.name, description, dependencies)
    return new LakeTable(definition, table, dependencies)
  }

  get store(): ObjectStore {
    return this.#dependencies.store
  }

  /** What people should know of an older version of Assay that works on the table, as of the last write. */
  get warning(): string | undefined {
    return this.#columns.warning
  }

  /** The newest state. Throws `table_not_found` when somebody has removed the table. */
  async pin(): Promise<PinnedTable> {
    return this.#pinOf(await this.table.load())
  }

  /**
   * A state that was the newest a moment ago (`Table.recent`). Two tables pinned in this way may not fit together: the
   * one that is read from can be older than what the other took from it.
   */
  async pinRecent(): Promise<PinnedTable> {
    return this.#pinOf(await this.table.recent())
  }

  #pinOf(version: TableVersion): PinnedTable {
    if (this.#pinned?.version.metadata !== version.metadata) {
      this.#remember(version)
      this.#polls.moved()
      this.#pinned = {
        version,
        checkpoint: parseCheckpoint(version.metadata.properties[CHECKPOINT_PROPERTY], this.definition.name),
        uuid: version.metadata.tableUuid,
        sequence: currentSnapshot(version.metadata)?.sequenceNumber ?? 0,
      }
    }
    return this.#pinned
  }

  /** Live data files of the pinned snapshot that the filter keeps, oldest first, where DuckDB can open them. */
  async files({ version }: PinnedTable, filter: FileFilter = {}): Promise<ScanFile[]> {
    const planned = await this.plan(version, filter)
    return Promise.all(planned.map((file) => this.scanFile(file)))
  }

  /** Live data files of the version's newest snapshot that the filter keeps, oldest first. */
  async plan(version: TableVersion, filter: FileFilter): Promise<readonly PlannedFile[]> {
    const planned = await planFiles(this.table, version, {
      ...(filter.afterFileSequence !== undefined && { afterFileSequence: filter.afterFileSequence }),
    })
    const match = this.#columns.match(version)
    this.#remember(version)
    const { keep, keepPartition } = filter
    const mayHold = (file: DataFile): boolean => {
      const values = keepPartition && partitionValues(this.definition, match, version.metadata, file)
      return (!values || !keepPartition || keepPartition(values)) && (!keep || keep(boundsOf(match, file)))
    }
    const kept = planned.filter(({ file }) => mayHold(file))
    return kept.sort((a, b) => (a.fileSequenceNumber ?? 0) - (b.fileSequenceNumber ?? 0))
  }

  /** A planned file where DuckDB can open it. */
  async scanFile(planned: PlannedFile): Promise<ScanFile> {
    const ids = this.#ids ?? this.#remember(await this.table.load())
    return {
      ids,
      path: await this.store.localPath(planned.key),
      name: planned.file.path,
      deletes: await Promise.all(planned.deletes.map(({ key }) => this.store.localPath(key))),
    }
  }

  #remember(version: TableVersion): ReadonlyMap<string, number> {
    const ids = this.#columns.ids(version)
    if (!this.#ids || ids.size >= this.#ids.size) this.#ids = ids
    return this.#ids
  }

  /** Writes rows as a data file of one partition; undefined when there are none. */
  async write(
    session: Session,
    rows: RowSource,
    partition: Readonly<Record<string, PartitionValue>>,
  ): Promise<DataFile | undefined> {
    const target = await this.#columns.writable()
    if (typeof rows !== 'string') {
      const encoded = this.#presentFields(target).map(({ field }) => encodedField(field))
      return this.#put(target, partition, async (key) => {
        const { bytes, ...written } = await encodeRows(encoded, rows)
        if (written.rows > 0) await this.store.create(key, bytes)
        return written
      })
    }
    const { fields, select } = this.#ownColumns(target)
    return this.#put(target, partition, this.#ofQuery(session, select(rows), fields))
  }

  /** The definition's columns that the table has, and what makes them of a query that gives all of the definition. */
  #ownColumns(target: Writable): { readonly fields: ParquetField[]; readonly select: (sql: string) => string } {
    const { match } = target
    const present = this.#presentFields(target)
    const fields = present.map(({ field }) => parquetField(field))
    if (match.missing.length === 0 && !present.some(({ isWider }) => isWider)) return { fields, select: (sql) => sql }
    const list = present.map(({ field, isWider }) => {
      const name = quoteIdentifier(field.name)
      return isWider ? `CAST(${name} AS ${sqlTypeOf(field.type)}) AS ${name}` : name
    })
    return { fields, select: (sql) => `SELECT ${list.join(', ')} FROM (${sql})` }
  }

  /** The definition's columns that the table has; some may have become wider there. */
  #presentFields({ match }: Writable): { readonly field: NestedField; readonly isWider: boolean }[] {
    return this.definition.columns.flatMap(({ name, type }) => {
      const field = match.fields.get(name)
      return field ? [{ field, isWider: sqlTypeOf(field.type) !== sqlType(type) }] : []
    })
  }

  async #put(
    { version, match, specId }: Writable,
    partition: Readonly<Record<string, PartitionValue>>,
    store: (key: string) => Promise<WrittenParquet>,
  ): Promise<DataFile | undefined> {
    await refuseIfMoved(this.table, version)
    const tuple = partitionTuple(this.definition, match, partition)
    const { path, key } = this.table.newDataFile(version, tuple, specId)
    const written = await store(key)
    return written.rows === 0 ? undefined : writtenFile(version.metadata, specId, path, tuple, written)
  }

  /** Has the engine write what a query gives, and stores it unless that is nothing. */
  #ofQuery(
    session: Session,
    select: string,
    fields: readonly ParquetField[],
  ): (key: string) => Promise<WrittenParquet> {
    return async (key) => {
      const path = `${await this.store.scratchDirectory()}/${this.#dependencies.random.uuid()}.parquet`
      const written = await session.writeParquet({ select, path, fields })
      if (written.rows > 0) await this.store.putFile(key, path)
      // A file that stays is removed with other scratch files.
      else await rm(path, { force: true }).catch(() => undefined)
      return written
    }
  }

  /**
   * Writes rows of a table, this one or another, anew: every column that it has, those that we don't know too, under
   * the values that they have. Columns that only the other table has are added to this one. `also` gives SQL of columns
   * that the rows lack. A file for each partition, sorted as the definition says.
   */
  async copyRows(
    session: Session,
    { table, version, files, where = 'true' }: RowsToCopy,
    also: Readonly<Record<string, string>> = {},
  ): Promise<DataFile[]> {
    const from = table.#copyEnd(version)
    const target =
      table === this
        ? { version, match: from.match, specId: from.specId }
        : await this.#columns.writableWith(from.match.others)
    const scanned = await Promise.all(files.map((file) => table.scanFile(file)))
    const rows = await wholeRows(session, from, scanned)
    const to = { name: this.definition.name, metadata: target.version.metadata, match: target.match }
    const { select, fields } = copiedColumns(rows, from, to, also)
    const chosen = `SELECT * FROM (${rows.sql}) WHERE ${where}`
    const order = this.definition.orderBy.filter((name) => target.match.fields.has(name)).map(quoteIdentifier)
    const written: DataFile[] = []
    for (const { values, condition } of await partitionsOfRows(session, this.definition, from, files, chosen)) {
      const sql = `SELECT ${select} FROM (${chosen} AND ${condition}) ORDER BY ${order.join(', ')}`
      const file = await this.#put(target, values, this.#ofQuery(session, sql, fields))
      if (file) written.push(file)
    }
    return written
  }

  /** The partition spec of the version that files are written for. */
  specId(version: TableVersion): number {
    return this.#columns.match(version).specId ?? version.metadata.defaultSpecId
  }

  /** A file's values of the definition's partition columns; undefined where its own spec does not tell them all. */
  partitionOf(version: TableVersion, { file }: PlannedFile): Readonly<Record<string, PartitionValue>> | undefined {
    return partitionValues(this.definition, this.#columns.match(version), version.metadata, file)
  }

  #copyEnd(version: TableVersion): CopyEnd & { readonly specId: number } {
    const match = this.#columns.match(version)
    return { name: this.definition.name, metadata: version.metadata, match, specId: this.specId(version) }
  }

  /** Paths of the objects that the table's own state names: its metadata doesn't, and yet they are needed. */
  statePaths({ version, checkpoint }: PinnedTable): string[] {
    const keys = this.definition.state?.files(checkpoint) ?? []
    return keys.map((key) => pathInTable(version, key.slice(version.tableKey.length + 1)))
  }

  /** Removes data files that no commit names and none ever will. */
  async discard(files: readonly DataFile[]): Promise<void> {
    const version = await this.table.load()
    await Promise.all(files.map((file) => this.store.delete(keyOfPath(version, file.path))))
  }

  announceCommit(): void {
    this.#polls.announced()
    this.#dependencies.signals.notify(this.definition.name)
  }

  /**
   * Resolves when the table's checkpoint stands beyond `own` in some lane, at the time limit, or on abort. `owned`
   * leaves out the lanes that the caller does not work on.
   */
  async waitForCommit(
    own: Checkpoint,
    timeout_ms: number,
    signal: AbortSignal,
    owned: (checkpoint: Checkpoint) => Checkpoint = (checkpoint) => checkpoint,
  ): Promise<void> {
    const { clock, signals } = this.#dependencies
    const until_ms = clock.monotonic_ms() + timeout_ms
    while (!signal.aborted) {
      // Before the look, so that a commit which comes while the store is asked ends the wait at once.
      const seen = signals.count(this.definition.name)
      if (standsBeyond(owned((await this.pinRecent()).checkpoint), own)) return
      const sleep_ms = Math.min(this.#polls.after_ms(), until_ms - clock.monotonic_ms())
      if (sleep_ms <= 0) return
      await signals.wait(this.definition.name, seen, clock.sleep(sleep_ms, signal))
    }
  }
}
