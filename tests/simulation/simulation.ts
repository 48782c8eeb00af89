import { isRetryable, seededRandom } from '@assay/core'
import { collect, type FoldPolicy } from '@assay/iceberg'
import {
  type BatchLimits,
  DLQ_TABLE,
  defineRuleSet,
  foldSmallFiles,
  type RuleSet,
  SILVER_RULES,
  silverTable,
  type TableDefinition,
} from '@assay/medallion'
import { type Layer, runReplay, runWorkers } from '@assay/runtime'
import { openEmbeddedRegistry, type SchemaRegistry } from '@assay/schema-registry'
import { type MemoryLake, memoryLake } from '../support/memory-lake.js'
import { watchDeletions } from './deletion-watch.js'
import { NamedObjects } from './named-objects.js'
import { Outsiders, ROLLED_BACK } from './outsiders.js'
import { RecordedLog } from './recorded-log.js'
import { type Action, type Profile, type Scenario, scenarioOf } from './scenario.js'
import { codeOf, type Shared, SimProcess } from './sim-process.js'
import { SimStore } from './sim-store.js'
import { makeTopics, produceChunk, registerLate, registerSchemas } from './workload.js'
import { CALM, ENGINE_FAULT, World, type WorldOptions } from './world.js'
import { WorldClock } from './world-clock.js'

/** The rule set that silver changes to and fro between. */
export const STRICTER: RuleSet = defineRuleSet(
  [
    ...SILVER_RULES.rules,
    {
      name: 'price_not_tiny',
      predicate: 'price >= 1',
      reason: 'price_tiny',
      type: 'price_validation',
      value: 'price::VARCHAR',
      since: 'test',
    },
  ],
  1,
)

const FOLD: FoldPolicy = { smallFilesMax: 3, small_bytes: 2 ** 20, task_bytes: 2 ** 20, taskFiles: 4, taskRows: 1000 }
/** A replay that comes before the tables. */
const NOTHING_TO_REPLAY = 'table_missing'
const STEPS_MAX = 12_000
const STARTS_MAX = 80
const AFTER_ACTIONS_STEPS = 400
const MINUTE_MS = 60_000
const OUTAGE_MS_MAX = 600

/** A process slot: who runs in it, and how often somebody was started. */
interface Slot {
  readonly layers: readonly Layer[] | 'keeper' | 'replay'
  process: SimProcess | undefined
  /** Actions that had happened when it was started. */
  acts: number
}

/** One run: processes at work on one log and store while everything that a seed holds happens to them. */
export class Simulation {
  readonly world: World
  readonly scenario: Scenario
  readonly store: SimStore
  readonly log: RecordedLog
  readonly named: NamedObjects
  /** What was seen to be wrong while it ran. */
  readonly violations: string[]
  readonly outsiders: Outsiders
  readonly #registry: SchemaRegistry
  readonly #operator: MemoryLake
  readonly #slots: Slot[]
  readonly #processes: SimProcess[] = []
  #chunks = 0
  #acts = 0

  constructor(seed: number, options: WorldOptions & { readonly profile?: Profile } = {}) {
    this.world = new World(seed, options)
    this.scenario = scenarioOf(this.world, options.profile)
    const clock = new WorldClock(this.world)
    this.store = new SimStore({ clock })
    this.log = new RecordedLog({ clock, random: seededRandom(seed) })
    this.named = new NamedObjects(this.store, this.world)
    this.violations = watchDeletions(this.store, this.named, this.world, this.scenario.housekeeping.grace_ms)
    this.#registry = openEmbeddedRegistry(this.store, 'schemas')
    this.#operator = this.lake()
    this.outsiders = new Outsiders(this.#operator, this.log, this.world)
    const { processes, keeper, replays } = this.scenario
    const kinds: Slot['layers'][] = [...processes, ...(keeper ? (['keeper'] as const) : [])]
    for (let n = 0; n < replays; n++) kinds.push('replay')
    this.#slots = kinds.map((layers) => ({ layers, process: undefined, acts: 0 }))
  }

  /** A lake that meets no faults and waits for nobody. */
  lake(): MemoryLake {
    return memoryLake({
      store: this.store,
      log: this.log,
      clock: new WorldClock(this.world),
      random: seededRandom(this.world.below(2 ** 32)),
      registry: openEmbeddedRegistry(this.store, 'schemas'),
      exchanges: this.scenario.workload.exchanges,
      housekeeping: this.scenario.housekeeping,
    })
  }

  /** Everything up to the point from which nothing goes wrong any more and all has been produced. */
  async run(): Promise<void> {
    const { world, scenario } = this
    await registerSchemas(this.#registry)
    await makeTopics(this.log, scenario.workload)
    // A lake that is there lets the processes come to their work sooner; the making of tables is a trouble of its own.
    if (world.chance(0.8)) for (const definition of this.#operator.definitions) await this.#operator.table(definition)
    await this.#produce()
    world.faults = scenario.faults
    let actions = scenario.actions.length
    for (let left = AFTER_ACTIONS_STEPS; left > 0 && world.steps < STEPS_MAX; ) {
      await this.#startSome()
      if (actions > 0 && world.chance(scenario.actionRate)) await this.#act(scenario.actions[--actions] as Action)
      if (!(await world.step()) && !this.#slots.some(({ process }) => process?.isAlive)) {
        if (actions === 0) break
        await this.#act(scenario.actions[--actions] as Action)
      }
      if (actions === 0) left--
    }
    await this.#heal()
  }

  async #heal(): Promise<void> {
    const { world } = this
    world.tell('heal')
    world.faults = CALM
    world.outageUntil_ms = 0
    world.registryAway = false
    const lake = this.lake()
    this.violations.push(...(await this.outsiders.rollForward(lake)))
    await lake.close()
    while (this.#chunks < this.scenario.workload.chunks.length) await this.#produce()
    for (const process of this.#processes) process.stop.abort()
    for (const limit = world.steps + STEPS_MAX; await world.step(); ) {
      if (world.steps > limit) throw new Error('the processes do not come to an end')
    }
    for (const { name, isAlive } of this.#processes) if (isAlive) this.violations.push(`${name} hangs`)
    for (const process of this.#processes) this.#judgeEnd(process)
    for (const process of this.#processes) await process.lake.close()
    await registerLate(this.#registry)
  }

  async #startSome(): Promise<void> {
    for (const slot of this.#slots) {
      if (slot.process?.ended) this.#judgeEnd(slot.process)
      if (slot.process?.isAlive || this.#processes.length >= STARTS_MAX) continue
      // Who has come to the end of its upstream finds nothing new before something has happened.
      const hasDrained = slot.process?.ended !== undefined && slot.process.ended.error === undefined
      if ((hasDrained && slot.acts === this.#acts) || !this.world.chance(this.#startChance)) continue
      slot.process = this.#start(slot.layers)
      slot.acts = this.#acts
    }
  }

  /** Few are started in an outage: they would only end at once. */
  get #startChance(): number {
    return this.world.now_ms < this.world.outageUntil_ms ? 0.01 : 0.3
  }

  #judgeEnd(process: SimProcess): void {
    const error = process.ended?.error
    if (error === undefined || isRetryable(error)) return
    const code = codeOf(error)
    if (code === ENGINE_FAULT || code === NOTHING_TO_REPLAY || (this.outsiders.hasRolledBack && ROLLED_BACK.has(code)))
      return
    const told = `${process.name} ended in ${code}: ${error instanceof Error ? error.stack : ''}`
    if (!this.violations.includes(told)) this.violations.push(told)
  }

  #start(layers: Slot['layers']): SimProcess {
    const { world, scenario } = this
    const what = typeof layers === 'string' ? layers : layers.length === 1 ? (layers[0] as Layer) : 'all'
    const shared: Shared = {
      world,
      store: this.store,
      log: this.log,
      registry: this.#registry,
      exchanges: scenario.workload.exchanges,
      housekeeping: scenario.housekeeping,
    }
    const process = new SimProcess(`${what}#${this.#processes.length}`, shared)
    this.#processes.push(process)
    const limits: BatchLimits = { maxRows: 2 + world.below(scenario.maxRows), maxBytes: 2 ** 20, maxPartitions: 64 }
    if (layers === 'keeper') process.begin((lake) => keepHouse(lake, world))
    else if (layers === 'replay') process.begin((lake, signal) => replayLetters(lake, limits, signal))
    else {
      const rules = scenario.changesRules ? world.oneOf([SILVER_RULES, STRICTER, STRICTER]) : SILVER_RULES
      const drains = !world.chance(scenario.standing)
      const options = { layers, limits, rules, drain: drains, adopt: false, interval_ms: 50, onEvent: () => undefined }
      process.begin((lake, signal) => runWorkers(lake, options, signal))
    }
    world.tell(`${process.name} starts`)
    return process
  }

  async #produce(): Promise<void> {
    const chunk = this.scenario.workload.chunks[this.#chunks]
    if (!chunk) return
    this.#chunks++
    await produceChunk(this.log, chunk)
  }

  /** One of the things that may happen at any moment. */
  async #act(action: Action): Promise<void> {
    const { world } = this
    this.#acts++
    if (!world.allows()) return
    world.tell(action)
    const living = this.#processes.filter((process) => process.isAlive)
    switch (action) {
      case 'produce':
        return this.#produce()
      case 'kill':
        if (living.length > 0) await world.oneOf(living).kill()
        return
      case 'freeze': {
        const awake = living.filter((process) => !process.wasFrozen)
        if (awake.length > 0) world.oneOf(awake).freeze(world.oneOf([2_000, 12 * MINUTE_MS, 40 * MINUTE_MS]))
        return
      }
      case 'jump':
        world.now_ms += world.oneOf([5, 14, 16, 60]) * MINUTE_MS
        return
      case 'outage':
        world.outageUntil_ms = world.now_ms + world.below(OUTAGE_MS_MAX)
        return
      case 'registry':
        world.registryAway = !world.registryAway
        return
      case 'register_late':
        return registerLate(this.#registry)
      default:
        return this.outsiders.act(action)
    }
  }

  async close(): Promise<void> {
    await this.#operator.close()
  }
}

/** Gives the dead letters of every exchange another chance. */
export async function replayLetters(lake: MemoryLake, limits: BatchLimits, signal: AbortSignal): Promise<void> {
  for (const { name } of lake.exchanges) {
    const request = { sourceTable: DLQ_TABLE.name, targetTable: silverTable(name).name, filter: {}, dryRun: false }
    await runReplay(lake, { ...request, limits }, signal)
  }
}

/** The pipeline's own tables, not the ledgers of jobs. */
function hasRows({ name }: TableDefinition): boolean {
  return /^(bronze|silver|gold)_/.test(name)
}

const KEPT_AT_ONCE = 4

/** Folds and cleans up some tables. */
async function keepHouse(lake: MemoryLake, world: World): Promise<void> {
  const session = await (await lake.engine()).session()
  const definitions = Array.from({ length: KEPT_AT_ONCE }, () => world.oneOf(lake.definitions.filter(hasRows)))
  for (const definition of definitions) {
    const table = await lake.table(definition)
    await foldSmallFiles(table, session, FOLD)
    await collect(table.table)
  }
  await session.close()
}
