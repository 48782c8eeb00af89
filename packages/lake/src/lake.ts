import { join } from 'node:path'
import { AssayError, type Clock, type Random } from '@assay/core'
import { type Engine, openEngine } from '@assay/engine'
import type { EventLog } from '@assay/event-log'
import { type Exchange, exchanges } from '@assay/exchanges'
import { type Catalog, defaultMaintenance, type TableNotice } from '@assay/iceberg'
import { LAYERS, type Layer, tablesOf } from '@assay/medallion'
import type { ObjectStore } from '@assay/object-store'
import { CommitSignals, LakeTable, type PollInterval, type TableDefinition } from '@assay/pipeline'
import type { SchemaRegistry } from '@assay/schema-registry'
import { LogArrivals } from './log-arrivals.js'
import type { PartsContext } from './open-part.js'
import { openParts } from './open-parts.js'
import { DEFAULT_COMMIT_INTERVAL_MS, DEFAULT_MEMORY_BYTES } from './settings/defaults.js'
import type { LakeParts } from './settings/lake-parts.js'
import { onceMoved } from './table-notice.js'

const HOUR_MS = 3_600_000

export interface LakeOptions extends PartsContext {
  readonly parts: LakeParts
  readonly memory_bytes?: number
  /** Threads of the engine. One by default: workers run side by side, and more threads spin while they wait. */
  readonly threads?: number
  /** Least time between two commits to a table, by which others are looked for. */
  readonly commitInterval_ms?: number
  /** Told once of each table that an operator should know something of. */
  readonly onTableNotice?: (notice: TableNotice) => void
}

const POLL_MS_MIN = 100
const POLL_MS_MAX = 5_000

/** Everything that a command or service works with, behind its ports. */
export interface Lake {
  /** Where it is, for people: a folder, or s3://bucket/prefix. */
  readonly location: string
  /** A local folder for what may be deleted while nothing runs. */
  readonly workDirectory: string
  /** Where on this machine the tables' files are read: their own folder, or the cache of a bucket. */
  readonly dataDirectory: string
  readonly clock: Clock
  readonly random: Random
  readonly store: ObjectStore
  readonly log: EventLog
  /** Partitions of a topic that has to be made. */
  readonly topicPartitions: number
  /** When records came into the log, as far as this process saw it. */
  readonly arrivals: LogArrivals
  readonly registry: SchemaRegistry
  readonly catalog: Catalog
  readonly exchanges: readonly Exchange[]
  /** The lake's layers, upstream first. */
  readonly layers: readonly Layer[]
  /** Definitions of all tables, upstream first. */
  readonly definitions: readonly TableDefinition[]
  /** The table, made if it is missing. One object a table and lake. */
  table(definition: TableDefinition): Promise<LakeTable>
  /** The engine, opened on first use. */
  engine(): Promise<Engine>
  close(): Promise<void>
}

/** Opens a lake on its parts. */
export async function openLake(options: LakeOptions): Promise<Lake> {
  const { clock, random } = options
  const parts = await openParts(options.parts, options)
  const { catalog, store } = parts
  const signals = new CommitSignals()
  const poll = pollInterval(options)
  // Who commits in intervals may work on a version that is as old as a fraction of them.
  const recall_ms = options.commitInterval_ms === undefined ? 0 : poll.least_ms / 2
  const care = {
    olderVersions_ms: options.parts.olderVersions_ms,
    maintenance: { ...defaultMaintenance, history: { tagEvery_ms: HOUR_MS, tagsToKeep: options.parts.historyHours } },
    ...(options.onTableNotice && { onNotice: onceMoved(options.onTableNotice) }),
  }
  const tables = new Map<string, Promise<LakeTable>>()
  let engine: Promise<Engine> | undefined
  let isClosed = false
  return {
    ...parts,
    topicPartitions: options.parts.topicPartitions,
    arrivals: new LogArrivals(clock),
    clock,
    random,
    exchanges,
    layers: LAYERS,
    definitions: tablesOf(LAYERS, exchanges),
    table(definition) {
      const known = tables.get(definition.name)
      if (known) return known
      const opened = LakeTable.open(definition, { catalog, store, clock, random, signals, poll, recall_ms, ...care })
      tables.set(definition.name, opened)
      opened.catch(() => tables.delete(definition.name))
      return opened
    },
    async engine() {
      if (isClosed) {
        throw new AssayError('session_closed', 'the lake is closed', { hint: 'open it again' })
      }
      engine ??= openEngine({
        memoryLimit_bytes: options.memory_bytes ?? DEFAULT_MEMORY_BYTES,
        threads: options.threads ?? 1,
        tempDirectory: join(parts.workDirectory, 'duckdb'),
      })
      return engine
    },
    async close() {
      isClosed = true
      await parts.log.close()
      if (engine) await (await engine).close()
      await parts.removeScratch()
    },
  }
}

/**
 * A look at a table in a folder costs nothing, one in a bucket or a catalog is a request: half a commit's time will do,
 * and less where nothing comes.
 */
function pollInterval({ parts, commitInterval_ms = DEFAULT_COMMIT_INTERVAL_MS }: LakeOptions): PollInterval {
  const isFolder = parts.store.kind === 'folder' && parts.catalog.kind === 'file_system'
  if (isFolder) return { least_ms: POLL_MS_MIN, most_ms: POLL_MS_MIN }
  return { least_ms: Math.max(POLL_MS_MIN, Math.min(commitInterval_ms / 2, POLL_MS_MAX)), most_ms: POLL_MS_MAX }
}
