import { type Clock, type Lane, OutageError, type Position, type ProduceBatch, seededRandom } from '@assay/core'
import type { Session } from '@assay/engine'
import {
  type EventLog,
  type LaneStatus,
  MemoryLog,
  type ProducedRange,
  type ReadLimits,
  type ReadResult,
} from '@assay/event-log'
import type { Exchange } from '@assay/exchanges'
import type { MaintenancePolicy } from '@assay/iceberg'
import type { ObjectEntry, ObjectStore } from '@assay/object-store'
import type { SchemaLookup, SchemaRegistry } from '@assay/schema-registry'
import { type MemoryLake, memoryLake } from '../support/memory-lake.js'
import { VirtualClock } from '../support/virtual-clock.js'
import { type CommitWatch, WatchedCatalog } from './commit-watch.js'
import type { RecordedLog } from './recorded-log.js'
import type { SimStore } from './sim-store.js'
import type { Caller, CallKind, World } from './world.js'

/** What all processes of a run work on. */
export interface Shared {
  readonly world: World
  readonly store: SimStore
  readonly log: RecordedLog
  readonly registry: SchemaRegistry
  readonly commits: CommitWatch
  readonly exchanges: readonly Exchange[]
  readonly maintenance: MaintenancePolicy
}

const LAG_MAX = 4
const POLL_MS = 50
/** Ages of the newest version that processes work on. */
const RECALL_MS = [0, 100, 1_000]

/** One process with a lake of its own: nothing but store and log outlives it. */
export class SimProcess implements Caller {
  readonly name: string
  readonly lake: MemoryLake
  readonly stop = new AbortController()
  frozenUntil_ms = 0
  wasFrozen = false
  /** Set when it has ended by itself. */
  ended: { readonly error?: unknown } | undefined
  #isDead = false
  readonly #shared: Shared

  constructor(name: string, shared: Shared, exchanges: readonly Exchange[] = shared.exchanges) {
    this.name = name
    this.#shared = shared
    const { world, maintenance } = shared
    const lake = memoryLake({
      store: new ProcessStore(this, shared.store),
      log: new ProcessLog(this, shared.log.openFor()),
      clock: new ProcessClock(this, world),
      random: seededRandom(world.below(2 ** 32)),
      openCatalog: (store, by) => new WatchedCatalog(name, shared.commits, store, by),
      registry: new ProcessRegistry(this, shared.registry, world),
      exchanges,
      maintenance,
      recall_ms: world.oneOf(RECALL_MS),
    })
    this.lake = { ...lake, engine: async () => ({ session: () => this.#session(lake), close: async () => undefined }) }
  }

  get isAlive(): boolean {
    return !this.#isDead && !this.ended
  }

  /** Begins its work; what becomes of it is told by `ended`. */
  begin(work: (lake: MemoryLake, signal: AbortSignal) => Promise<void>): void {
    work(this.lake, this.stop.signal).then(
      () => this.#end({}),
      (error: unknown) => this.#end({ error }),
    )
  }

  #end(outcome: { readonly error?: unknown }): void {
    this.ended = outcome
    this.#shared.world.tell(`${this.name} ends${outcome.error ? `: ${codeOf(outcome.error)}` : ''}`)
  }

  /** As by SIGKILL: no call returns any more. A write that was under way may still arrive some time later. */
  async kill(): Promise<void> {
    const { world } = this.#shared
    this.#isDead = true
    world.tell(`${this.name} is killed`)
    world.abandon(this, ({ kind }) => {
      return kind === 'write' && world.chance(0.4) ? world.now_ms + world.below(60_000) : undefined
    })
    await this.lake.close()
  }

  freeze(for_ms: number): void {
    const { world } = this.#shared
    this.wasFrozen = true
    this.frozenUntil_ms = world.now_ms + for_ms
    world.tell(`${this.name} freezes for ${for_ms} ms`)
  }

  call<T>(kind: CallKind, name: string, run: () => Promise<T>, due_ms?: number): Promise<T> {
    if (this.#isDead) return new Promise(() => undefined)
    return this.#shared.world.call(this, kind, name, run, due_ms)
  }

  /** How many writes a listing lags behind. */
  lag(): number {
    const { world } = this.#shared
    return world.chance(world.faults.stale) ? 1 + world.below(LAG_MAX) : 0
  }

  async #session(lake: MemoryLake): Promise<Session> {
    const session = await this.call('engine', 'session', async () => (await lake.engine()).session())
    return processSession(this, session)
  }
}

export function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code
  return typeof code === 'string' ? code : error instanceof Error ? error.message : String(error)
}

class ProcessClock extends VirtualClock {
  readonly #process: SimProcess
  readonly #world: World

  constructor(process: SimProcess, world: World) {
    super()
    this.#process = process
    this.#world = world
  }

  override now_ms(): number {
    return this.#world.now_ms
  }

  override monotonic_ms(): number {
    return this.#world.now_ms - this.#world.start_ms
  }

  override async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    const woken = async (): Promise<void> => undefined
    if (signal?.aborted) return
    const slept = this.#process.call('sleep', 'sleep', woken, this.#world.now_ms + ms)
    const wake = (): void => this.#world.wake(({ run }) => run === woken)
    signal?.addEventListener('abort', wake)
    await slept
    signal?.removeEventListener('abort', wake)
  }
}

class ProcessStore implements ObjectStore {
  readonly #process: SimProcess
  readonly #store: SimStore

  constructor(process: SimProcess, store: SimStore) {
    this.#process = process
    this.#store = store
  }

  location(key: string): string {
    return this.#store.location(key)
  }

  isLocationOf(location: string, key: string): Promise<boolean> {
    return this.#store.isLocationOf(location, key)
  }

  get(key: string): Promise<Uint8Array | undefined> {
    return this.#process.call('read', `get ${key}`, () => this.#store.get(key))
  }

  size_bytes(key: string): Promise<number | undefined> {
    return this.#process.call('read', `size ${key}`, () => this.#store.size_bytes(key))
  }

  put(key: string, bytes: Uint8Array): Promise<void> {
    return this.#process.call('write', `put ${key}`, () => this.#store.put(key, bytes))
  }

  putIfAbsent(key: string, bytes: Uint8Array): Promise<'created' | 'exists'> {
    return this.#process.call('write', `putIfAbsent ${key}`, () => this.#store.putIfAbsent(key, bytes))
  }

  create(key: string, bytes: Uint8Array): Promise<void> {
    return this.#process.call('write', `create ${key}`, () => this.#store.create(key, bytes))
  }

  putFile(key: string, localPath: string): Promise<void> {
    return this.#process.call('write', `putFile ${key}`, () => this.#store.putFile(key, localPath))
  }

  localPath(key: string): Promise<string> {
    return this.#process.call('read', `localPath ${key}`, () => this.#store.localPath(key))
  }

  scratchDirectory(): Promise<string> {
    return this.#process.call('read', 'scratchDirectory', () => this.#store.scratchDirectory())
  }

  async *list(prefix: string): AsyncGenerator<ObjectEntry> {
    yield* await this.#process.call('read', `list ${prefix}`, () => this.#store.listBehind(prefix, this.#process.lag()))
  }

  delete(key: string): Promise<void> {
    return this.#process.call('write', `delete ${key}`, () => this.#store.delete(key))
  }
}

class ProcessLog extends MemoryLog {
  readonly #process: SimProcess
  readonly #log: EventLog

  constructor(process: SimProcess, log: EventLog) {
    super()
    this.#process = process
    this.#log = log
  }

  override lanes(topic: string): Promise<readonly LaneStatus[]> {
    return this.#process.call('read', `lanes ${topic}`, () => this.#log.lanes(topic))
  }

  override read(lane: Lane, from: Position, limits: ReadLimits, epoch?: number): Promise<ReadResult> {
    const name = `read ${lane.topic}/${lane.partition} from ${from}`
    return this.#process.call('read', name, () => this.#log.read(lane, from, limits, epoch))
  }

  override produce(topic: string, batch: ProduceBatch): Promise<readonly ProducedRange[]> {
    return this.#process.call('write', `produce ${topic}`, () => this.#log.produce(topic, batch))
  }

  override async waitForRecords(
    positions: readonly { readonly lane: Lane; readonly position: Position }[],
    timeout_ms: number,
    signal?: AbortSignal,
  ): Promise<void> {
    const clock: Clock = this.#process.lake.clock
    for (const until_ms = clock.now_ms() + timeout_ms; clock.now_ms() < until_ms && !signal?.aborted; ) {
      for (const { lane, position } of positions) {
        const statuses = await this.#log.lanes(lane.topic)
        if ((statuses[lane.partition]?.end ?? 0n) > position) return
      }
      await clock.sleep(POLL_MS, signal)
    }
  }
}

class ProcessRegistry implements SchemaRegistry {
  readonly #process: SimProcess
  readonly #registry: SchemaRegistry
  readonly #world: World

  constructor(process: SimProcess, registry: SchemaRegistry, world: World) {
    this.#process = process
    this.#registry = registry
    this.#world = world
  }

  register(subject: string, schema: string): Promise<number> {
    return this.#process.call('write', `register ${subject}`, () => this.#registry.register(subject, schema))
  }

  schema(id: number): Promise<SchemaLookup> {
    return this.#process.call('read', `schema ${id}`, async () => {
      if (this.#world.registryAway) throw new OutageError('registry_away', 'the registry does not answer')
      return this.#registry.schema(id)
    })
  }
}

/** A session whose every statement, and every chunk of a read, waits its turn. */
function processSession(process: SimProcess, session: Session): Session {
  const turn = <T>(name: string, run: () => Promise<T>): Promise<T> => process.call('engine', name, run)
  return {
    run: (sql) => turn('run', () => session.run(sql)),
    createTable: (name, select) => turn('run', () => session.createTable(name, select)),
    createView: (name, select) => turn('run', () => session.createView(name, select)),
    load: (name, columns, count) => turn(`load ${name}`, () => session.load(name, columns, count)),
    append: (table, columns, count) => turn(`append ${table.name}`, () => session.append(table, columns, count)),
    rows: (sql, maxRows) => turn('rows', () => session.rows(sql, maxRows)),
    query: (sql, maxRows) => turn('query', () => session.query(sql, maxRows)),
    async *read(sql) {
      const chunks = session.read(sql)[Symbol.asyncIterator]()
      try {
        for (;;) {
          const next = await turn('read', () => chunks.next())
          if (next.done) return
          yield next.value
        }
      } finally {
        await process.call('sleep', 'end of read', async () => void (await chunks.return?.()))
      }
    },
    writeParquet: (request) => turn('writeParquet', () => session.writeParquet(request)),
    interrupt: () => session.interrupt(),
    close: () => process.call('sleep', 'close', () => session.close()),
  }
}
