import { join, resolve } from 'node:path'
import type { Clock, Random } from '@assay/core'
import { type Engine, openEngine } from '@assay/engine'
import { type EventLog, openFileLog } from '@assay/event-log'
import { type Exchange, exchanges } from '@assay/exchanges'
import { FileSystemCatalog } from '@assay/iceberg'
import {
  bronzeTable,
  CommitSignals,
  DLQ_TABLE,
  DUPLICATES_TABLE,
  GAPS_TABLE,
  GOLD_TABLE,
  LakeTable,
  RULE_SETS_TABLE,
  silverTable,
  type TableDefinition,
} from '@assay/medallion'
import { type ObjectStore, openLocalStore } from '@assay/object-store'
import { openEmbeddedRegistry, type SchemaRegistry } from '@assay/schema-registry'
import { DEFAULT_MEMORY_BYTES } from './defaults.js'

export interface LakeOptions {
  /** Folder of the lake; made if it is missing. */
  readonly directory: string
  readonly clock: Clock
  readonly random: Random
  readonly memory_bytes?: number
  /** Threads of the engine. One by default: workers run side by side, and more threads spin while they wait. */
  readonly threads?: number
}

/** Everything that a command or service works with, behind its ports. */
export interface Lake {
  readonly directory: string
  readonly clock: Clock
  readonly random: Random
  readonly store: ObjectStore
  readonly log: EventLog
  readonly registry: SchemaRegistry
  readonly catalog: FileSystemCatalog
  readonly exchanges: readonly Exchange[]
  /** Definitions of all tables, upstream first. */
  readonly definitions: readonly TableDefinition[]
  /** The table, made if it is missing. One object a table and lake. */
  table(definition: TableDefinition): Promise<LakeTable>
  /** The engine, opened on first use. */
  engine(): Promise<Engine>
  close(): Promise<void>
}

const TABLES_PREFIX = 'tables/market_data'

/** Opens a lake on the embedded parts: file log, registry folder, tables in a local folder. */
export async function openLake(options: LakeOptions): Promise<Lake> {
  const { clock, random } = options
  const directory = resolve(options.directory)
  const store = await openLocalStore(directory, { random })
  const log = await openFileLog({ directory: join(directory, 'log'), clock, random })
  const catalog = new FileSystemCatalog(store, TABLES_PREFIX, { clock, random })
  const signals = new CommitSignals()
  const tables = new Map<string, Promise<LakeTable>>()
  let engine: Promise<Engine> | undefined
  return {
    directory,
    clock,
    random,
    store,
    log,
    registry: openEmbeddedRegistry(store, 'schemas'),
    catalog,
    exchanges,
    definitions: tableDefinitions(exchanges),
    table(definition) {
      const known = tables.get(definition.name)
      if (known) return known
      const opened = LakeTable.open(definition, { catalog, store, clock, random, signals })
      tables.set(definition.name, opened)
      opened.catch(() => tables.delete(definition.name))
      return opened
    },
    engine() {
      engine ??= openEngine({
        memoryLimit_bytes: options.memory_bytes ?? DEFAULT_MEMORY_BYTES,
        threads: options.threads ?? 1,
        tempDirectory: join(directory, '.scratch', 'duckdb'),
      })
      return engine
    },
    async close() {
      await log.close()
      if (engine) await (await engine).close()
    },
  }
}

/** Every table of a lake with these exchanges, upstream first. */
export function tableDefinitions(list: readonly Exchange[]): TableDefinition[] {
  return [
    ...list.map((exchange) => bronzeTable(exchange.name)),
    ...list.map((exchange) => silverTable(exchange.name)),
    DLQ_TABLE,
    GOLD_TABLE,
    DUPLICATES_TABLE,
    GAPS_TABLE,
    RULE_SETS_TABLE,
  ]
}
