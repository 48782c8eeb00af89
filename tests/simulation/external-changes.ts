import { type LaneKey, laneKey, type Position, parseLaneKey, UsageError } from '@assay/core'
import type { LaneStatus } from '@assay/event-log'
import { collect, currentSnapshot, type TableMetadata } from '@assay/iceberg'
import { runWorkers } from '@assay/lake'
import { bronzeTable } from '@assay/medallion'
import { acceptLoss } from '@assay/operations'
import type { Checkpoint, LakeTable } from '@assay/pipeline'
import type { MemoryLake } from '../support/memory-lake.js'
import { changeMetadata, compactSome, touch, withHead } from './foreign.js'
import type { RecordedLog } from './recorded-log.js'
import type { ExternalAction } from './scenario.js'
import { codeOf } from './sim-process.js'
import { SIMULATED_LAYERS } from './simulated-layers.js'
import { StorageLog } from './storage-log.js'
import type { StoreFaults } from './store-faults.js'
import type { World } from './world.js'

/** What a worker on a table that was rolled back, or below one, may end in. */
export const ROLLED_BACK: ReadonlySet<string> = new Set([
  'table_rolled_back',
  'upstream_behind',
  'letter_without_record',
])
const GRACE_MS = 15 * 60_000
const HOUR_MS = 3_600_000
const COMMIT_HOURS = 2

interface Rollback {
  readonly table: LakeTable
  /** Head before, and the one that main was moved to. */
  readonly from: bigint
  readonly to: bigint
}

/** Changes that operators, other engines and brokers make to log and lake. Each is done before the next call. */
export class ExternalChanges {
  /** Where generations of lanes begin that the operator let begin. */
  readonly starts = new Map<LaneKey, bigint>()
  /** Lanes that another generation has taken over from. */
  readonly #left = new Set<LaneKey>()
  readonly #faulty = new Set<string>()
  readonly #lake: MemoryLake
  readonly #log: RecordedLog
  readonly #world: World
  readonly #faults: StoreFaults
  #rolledBack: Rollback | undefined

  constructor(lake: MemoryLake, log: RecordedLog, world: World, faults: StoreFaults) {
    this.#lake = lake
    this.#log = log
    this.#world = world
    this.#faults = faults
  }

  get hasRolledBack(): boolean {
    return this.#rolledBack !== undefined
  }

  /** `table` is the name of one that somebody is about to commit to. */
  async act(action: ExternalAction, table?: string): Promise<void> {
    switch (action) {
      case 'log_fault':
        return this.#logFault()
      case 'accept':
        return void (await this.acceptStops(this.#lake))
      case 'rollback':
        return this.#rollBack()
      case 'hours_of_commits':
        return this.#commitForHours()
      case 'store_fault':
        return this.#faults.inject()
      default:
        return this.#foreignChange(action, table)
    }
  }

  async #someTable(chosen?: string): Promise<LakeTable | undefined> {
    const made = new Set(chosen === undefined ? await this.#lake.catalog.list() : [chosen])
    const tables = this.#lake.definitions.filter(({ name }) => made.has(name))
    return tables.length === 0 ? undefined : this.#lake.table(this.#world.oneOf(tables))
  }

  async #foreignChange(action: 'compact' | 'expire' | 'properties' | 'collect', name?: string): Promise<void> {
    const table = await this.#someTable(name)
    if (!table || table === this.#rolledBack?.table) return
    switch (action) {
      case 'compact':
        return compactSome(this.#lake, table, this.#world)
      case 'expire':
        return touch(table)
      case 'collect':
        return void (await collect(table.table))
      case 'properties': {
        const note = String(this.#world.steps)
        return changeMetadata(table, (metadata) => ({ ...metadata, properties: { ...metadata.properties, note } }))
      }
    }
  }

  /** Hours in each of which every table is committed to, and at whose end of its versions the newest is left only. */
  async #commitForHours(): Promise<void> {
    const { catalog, definitions } = this.#lake
    const made = new Set(await catalog.list())
    const tables = await Promise.all(
      definitions.filter(({ name }) => made.has(name)).map((one) => this.#lake.table(one)),
    )
    for (let hour = 0; hour < COMMIT_HOURS; hour++) {
      for (const table of tables) await touch(table)
      this.#world.now_ms += HOUR_MS
    }
    const isOld = ({ lastUpdated_ms }: TableMetadata): boolean => this.#world.now_ms - lastUpdated_ms >= GRACE_MS
    for (const name of made) await catalog.forgetVersions(name, { keep: 1, isOld })
  }

  /** Each lane meets one fault of the log at most, so that what it held can be told afterwards. */
  async #logFault(): Promise<void> {
    const world = this.#world
    if (this.#log instanceof StorageLog) {
      const told = await this.#log.logFault()
      if (told !== undefined) world.tell(told)
      return
    }
    const { topic } = world.oneOf(this.#lake.exchanges)
    if (this.#faulty.has(topic)) return
    this.#faulty.add(topic)
    const lanes = await this.#log.lanes(topic)
    const lane = lanes[0]?.lane
    if (!lane) return
    const lot = world.below(3)
    if (lot === 0) await this.#log.cut(lane, 1 + world.below(4))
    else if (lot === 1) await this.#log.forgetHalf(lane)
    else this.#log.recreateTopic(topic, lanes.length)
  }

  /** The operator lets every stopped lane go on where the log still has something; true when there was one. */
  async acceptStops(lake: MemoryLake): Promise<boolean> {
    let hasAccepted = false
    if (this.#log instanceof StorageLog) this.#log.reopen()
    for (const exchange of lake.exchanges) {
      const main = await lake.table(bronzeTable(exchange.name))
      const { checkpoint } = await main.pin()
      const statuses = await this.#log.lanes(exchange.topic)
      for (const [lane, to] of this.#words(checkpoint, statuses)) {
        try {
          const accepted = await acceptLoss(lake, lane, to, 'accepted')
          hasAccepted = true
          if (accepted.lane === lane) continue
          this.starts.set(accepted.lane, to)
          this.#left.add(lane)
        } catch (error) {
          // Somebody was faster; the next word will do.
          if (!(error instanceof UsageError)) throw error
        }
      }
    }
    return hasAccepted
  }

  /** Where each lane goes on that waits for a word: one that bronze has stopped, or that takes no more records. */
  #words(checkpoint: Checkpoint, statuses: readonly LaneStatus[]): Map<LaneKey, Position> {
    const words = new Map<LaneKey, Position>()
    for (const { lane, lost } of statuses) if (lost) words.set(laneKey(lane), lost.to)
    for (const [lane, { stop }] of checkpoint.lanes) {
      const status = statuses[parseLaneKey(lane).partition]
      if (!stop || !status || this.#left.has(lane)) continue
      const told = stop.reason === 'log_truncated' ? stop.from : stop.to
      words.set(lane, stop.reason === 'topic_recreated' || told < status.start ? status.start : told)
    }
    return words
  }

  /** Moves a main table back behind what its checkpoint speaks of. */
  async #rollBack(): Promise<void> {
    if (this.#rolledBack) return
    const { exchanges } = this.#lake
    const mains = SIMULATED_LAYERS.flatMap((layer) => layer.workers(exchanges).map(({ main }) => main))
    const table = await this.#lake.table(this.#world.oneOf(mains))
    const { version, checkpoint } = await table.pin()
    const own = checkpoint.snapshot
    const older = version.metadata.snapshots.filter(({ sequenceNumber }) => own && sequenceNumber < own.sequence)
    const head = currentSnapshot(version.metadata)
    if (older.length === 0 || !head) return
    const to = this.#world.oneOf(older).snapshotId
    await changeMetadata(table, (metadata) => withHead(metadata, to))
    this.#world.tell(`${table.definition.name} is rolled back`)
    this.#rolledBack = { table, from: head.snapshotId, to }
  }

  /**
   * T9: nobody may have built on the table that was rolled back, and whoever works on it says why it doesn't. Returns
   * what was seen to be wrong; then the table is as if nobody had touched it.
   */
  async rollForward(lake: MemoryLake): Promise<string[]> {
    if (!this.#rolledBack) return []
    const { table, from, to } = this.#rolledBack
    const { name } = table.definition
    const wrong: string[] = []
    const head = currentSnapshot((await table.table.load()).metadata)
    if (head?.snapshotId !== to) wrong.push(`${name} was built upon after a rollback`)
    const layers = SIMULATED_LAYERS.filter((layer) =>
      layer.workers(lake.exchanges).some(({ main }) => main.name === name),
    )
    const options = { layers, drain: true, adopt: false, interval_ms: 0, onEvent: () => undefined }
    const ended = await runWorkers(lake, options, new AbortController().signal).then(() => 'the end', codeOf)
    if (!ROLLED_BACK.has(ended)) wrong.push(`a rollback of ${name} led to ${ended}`)
    await changeMetadata(table, (metadata) => withHead(metadata, from))
    this.#world.tell(`${name} is rolled forward`)
    return wrong
  }
}
