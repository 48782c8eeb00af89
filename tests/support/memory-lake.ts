import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Clock, type Random, seededRandom } from '@assay/core'
import { type Engine, openEngine, type Session } from '@assay/engine'
import { MemoryLog } from '@assay/event-log'
import { type Exchange, exchangeNamed } from '@assay/exchanges'
import { type Catalog, FileSystemCatalog, type MaintenancePolicy } from '@assay/iceberg'
import { type Lake, LogArrivals, readerOf } from '@assay/lake'
import { LAYERS, type Layer, tablesOf } from '@assay/medallion'
import { MemoryStore, type ObjectStore } from '@assay/object-store'
import { CommitSignals, LakeTable } from '@assay/pipeline'
import { openEmbeddedRegistry, type SchemaRegistry } from '@assay/schema-registry'
import { VirtualClock } from './virtual-clock.js'

export const binance = exchangeNamed('binance')
export const kraken = exchangeNamed('kraken')

/** A lake in memory, whose parts a test can hold on to, damage or open again as another process would. */
export interface MemoryLake extends Lake {
  readonly clock: VirtualClock
  readonly log: MemoryLog
}

export interface MemoryLakeParts {
  readonly store?: ObjectStore
  readonly log?: MemoryLog
  readonly clock?: VirtualClock
  readonly random?: Random
  readonly registry?: SchemaRegistry
  readonly exchanges?: readonly Exchange[]
  readonly layers?: readonly Layer[]
  /** Instead of a plain catalog over the store. */
  readonly openCatalog?: (store: ObjectStore, by: { readonly clock: Clock; readonly random: Random }) => Catalog
  readonly maintenance?: MaintenancePolicy
  readonly recall_ms?: number
}

/** History as short as it gets, clean-ups at once. */
export const IMPATIENT: MaintenancePolicy = {
  manifestsToMerge: 2,
  manifestFilesMax: 8_192,
  snapshotsToKeep: 1,
  snapshotsKept_ms: 0,
  snapshotsToExpire: 1,
  grace_ms: 0,
}

/** A memory store that makes the copies which DuckDB opens one at a time. */
export class TestStore extends MemoryStore {
  #last: Promise<unknown> = Promise.resolve()

  override localPath(key: string): Promise<string> {
    const path = this.#last.then(() => super.localPath(key))
    this.#last = path.catch(() => undefined)
    return path
  }
}

let engine: Promise<Engine> | undefined
let seeds = 1

/** One engine for all lakes of a test file; sessions keep their tables apart. */
function sharedEngine(): Promise<Engine> {
  if (!engine) {
    const tempDirectory = mkdtempSync(join(tmpdir(), 'assay-engine-'))
    process.once('exit', () => rmSync(tempDirectory, { recursive: true, force: true }))
    engine = openEngine({ memoryLimit_bytes: 256 * 2 ** 20, threads: 1, tempDirectory })
  }
  return engine
}

/** Parts that are not given are new. Opening again with the same parts is a restart: nothing else is kept. */
export function memoryLake(parts: MemoryLakeParts = {}): MemoryLake {
  const clock = parts.clock ?? new VirtualClock()
  const store = parts.store ?? new TestStore({ clock })
  const log = parts.log ?? new MemoryLog({ clock })
  const random = parts.random ?? seededRandom(seeds++)
  const exchanges = parts.exchanges ?? [binance]
  const layers = parts.layers ?? LAYERS
  const { openCatalog = (over, by) => new FileSystemCatalog(over, 'tables/market_data', by) } = parts
  const catalog = openCatalog(store, { clock, random })
  const signals = new CommitSignals()
  const maintenance = parts.maintenance && { maintenance: parts.maintenance }
  const recall = parts.recall_ms !== undefined && { recall_ms: parts.recall_ms }
  const dependencies = { catalog, store, clock, random, signals, ...maintenance, ...recall }
  const tables = new Map<string, Promise<LakeTable>>()
  const sessions: Session[] = []
  return {
    location: 'memory',
    workDirectory: tmpdir(),
    dataDirectory: tmpdir(),
    clock,
    random,
    store,
    log,
    topicPartitions: 1,
    arrivals: new LogArrivals(clock),
    registry: parts.registry ?? openEmbeddedRegistry(store, 'schemas', readerOf),
    catalog,
    exchanges,
    layers,
    definitions: tablesOf(layers, exchanges),
    table(definition) {
      const known = tables.get(definition.name)
      if (known) return known
      const opened = LakeTable.open(definition, dependencies)
      tables.set(definition.name, opened)
      opened.catch(() => tables.delete(definition.name))
      return opened
    },
    async engine() {
      const shared = await sharedEngine()
      return {
        async session() {
          const session = await shared.session()
          sessions.push(session)
          return session
        },
        close: async () => undefined,
      }
    },
    async close() {
      await Promise.all(sessions.splice(0).map((session) => session.close()))
    },
  }
}

/** A copy of a store's objects: a lake from here on goes its own way. */
export async function copyOf(store: ObjectStore, clock: VirtualClock): Promise<TestStore> {
  const copy = new TestStore({ clock })
  for await (const { key } of store.list('')) {
    const bytes = await store.get(key)
    if (bytes) await copy.put(key, bytes)
  }
  return copy
}

/** A lake on a copy of another's objects, over the same log: it can be damaged. */
export async function copiedLake({ store, log, clock, exchanges }: MemoryLake): Promise<MemoryLake> {
  return memoryLake({ store: await copyOf(store, clock), log, clock, exchanges })
}
