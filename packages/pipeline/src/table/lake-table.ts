import { rm } from 'node:fs/promises'
import type { Clock, Random } from '@assay/core'
import type { Session } from '@assay/engine'
import {
  type Catalog,
  createTable,
  currentSnapshot,
  type DataFile,
  keyOfPath,
  type NestedField,
  type PlannedFile,
  planFiles,
  type Table,
  type TableVersion,
} from '@assay/iceberg'
import type { ObjectStore } from '@assay/object-store'
import { CHECKPOINT_PROPERTY, type Checkpoint, parseCheckpoint } from '../checkpoint/checkpoint.js'
import type { PartitionValue, RowSource } from '../stage/context.js'
import { parquetFields, type TableDefinition } from './definition.js'
import { boundsOf, partitionTuple, partitionValues, type RowBounds, writtenFile } from './file-statistics.js'
import type { ScanFile } from './scan.js'
import type { CommitSignals } from './signals.js'

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

export interface LakeTableDependencies {
  readonly catalog: Catalog
  readonly store: ObjectStore
  readonly clock: Clock
  readonly random: Random
  readonly signals: CommitSignals
}

const POLL_MS = 100

/** What a stage needs of the table that it reads. */
export type UpstreamTable = Pick<LakeTable, 'definition' | 'files' | 'pin' | 'waitForCommit'>

/** One of the lake's tables: its definition, and the Iceberg table behind it. */
export class LakeTable {
  readonly definition: TableDefinition
  readonly table: Table
  readonly #dependencies: LakeTableDependencies
  #pinned: PinnedTable | undefined

  private constructor(definition: TableDefinition, table: Table, dependencies: LakeTableDependencies) {
    this.definition = definition
    this.table = table
    this.#dependencies = dependencies
  }

  /** Opens the table, making it if it is missing. */
  static async open(definition: TableDefinition, dependencies: LakeTableDependencies): Promise<LakeTable> {
    const description = { fields: definition.columns.map(field), partitionBy: definition.partitionBy }
    const table = await createTable(dependencies.catalog, definition.name, description, dependencies)
    return new LakeTable(definition, table, dependencies)
  }

  get store(): ObjectStore {
    return this.#dependencies.store
  }

  /** The newest state. Throws `table_not_found` when somebody has removed the table. */
  async pin(): Promise<PinnedTable> {
    const version = await this.table.load()
    if (this.#pinned?.version.metadata !== version.metadata) {
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
    const { keep, keepPartition } = filter
    const kept = planned.filter(
      ({ file }) =>
        (!keepPartition || keepPartition(partitionValues(this.definition, file))) &&
        (!keep || keep(boundsOf(this.definition, file))),
    )
    return kept.sort((a, b) => (a.fileSequenceNumber ?? 0) - (b.fileSequenceNumber ?? 0))
  }

  /** A planned file where DuckDB can open it. */
  async scanFile(planned: PlannedFile): Promise<ScanFile> {
    return {
      path: await this.store.localPath(planned.key),
      name: planned.file.path,
      deletes: await Promise.all(planned.deletes.map(({ key }) => this.store.localPath(key))),
    }
  }

  /** Writes the rows of a query as a data file of one partition; undefined when there are none. */
  async write(
    session: Session,
    rows: RowSource,
    partition: Readonly<Record<string, PartitionValue>>,
  ): Promise<DataFile | undefined> {
    const version = await this.table.load()
    const tuple = partitionTuple(this.definition, partition)
    const { path, key } = this.table.newDataFile(version, tuple)
    const scratch = `${await this.store.scratchDirectory()}/${this.#dependencies.random.uuid()}.parquet`
    const fields = parquetFields(this.definition)
    const written =
      typeof rows === 'string'
        ? await session.writeParquet({ select: rows, path: scratch, fields })
        : await session.writeColumns(rows.columns, rows.count, { select: rows.select, path: scratch, fields })
    if (written.rows === 0) {
      await rm(scratch, { force: true })
      return undefined
    }
    await this.store.putFile(key, scratch)
    return writtenFile(this.definition, version.metadata, path, tuple, written)
  }

  /** Removes data files that no commit names and none ever will. */
  async discard(files: readonly DataFile[]): Promise<void> {
    const version = await this.table.load()
    await Promise.all(files.map((file) => this.store.delete(keyOfPath(version, file.path))))
  }

  announceCommit(): void {
    this.#dependencies.signals.notify(this.definition.name)
  }

  /**
   * Resolves when the table's checkpoint stands beyond `own` in some lane, at the time limit, or on abort. `held`
   * leaves out the lanes that the caller does not work on.
   */
  async waitForCommit(
    own: Checkpoint,
    timeout_ms: number,
    signal: AbortSignal,
    held: (checkpoint: Checkpoint) => Checkpoint = (checkpoint) => checkpoint,
  ): Promise<void> {
    const { clock, signals } = this.#dependencies
    const until_ms = clock.monotonic_ms() + timeout_ms
    while (!signal.aborted && !standsBeyond(held((await this.pin()).checkpoint), own)) {
      const left_ms = until_ms - clock.monotonic_ms()
      if (left_ms <= 0) return
      await signals.wait(this.definition.name, clock.sleep(Math.min(POLL_MS, left_ms), signal))
    }
  }
}

/** True when `upstream` has a lane at a position that `own` has not reached. */
export function standsBeyond(upstream: Checkpoint, own: Checkpoint): boolean {
  for (const [key, lane] of upstream.lanes) {
    if (lane.position > (own.lanes.get(key)?.position ?? 0n)) return true
  }
  return false
}

function field(column: TableDefinition['columns'][number]): NestedField {
  const { id, name, type, elementId } = column
  if (type !== 'list<string>') return { id, name, required: false, type }
  return {
    id,
    name,
    required: false,
    type: { kind: 'list', elementId: elementId as number, elementRequired: false, element: 'string' },
  }
}
