import { isRetryable, seededRandom } from '@assay/core'
import { runWorkers } from '@assay/lake'
import type { LayerName } from '@assay/medallion'
import type { BatchLimits } from '@assay/pipeline'
import { defineRuleSet, type RuleSet, SILVER_RULES } from '@assay/rules'
import { openEmbeddedRegistry, type SchemaRegistry } from '@assay/schema-registry'
import { type MemoryLake, memoryLake } from '../support/memory-lake.js'
import { CandleWatch } from './candle-watch.js'
import { CommitWatch } from './commit-watch.js'
import { watchDeletions } from './deletion-watch.js'
import { ExternalChanges, ROLLED_BACK } from './external-changes.js'
import { maintainSome, replayDeadLetters } from './jobs.js'
import { NamedObjects } from './named-objects.js'
import { RecordedLog } from './recorded-log.js'
import { type Action, type Profile, type Scenario, scenarioOf } from './scenario.js'
import { codeOf, type Shared, SimProcess } from './sim-process.js'
import { SimStore } from './sim-store.js'
import { simulatedLayers } from './simulated-layers.js'
import { StorageLog } from './storage-log.js'
import { StoreFaults } from './store-faults.js'
import { makeTopics, produceChunk, registerLate, registerSchemas } from './workload.js'
import { CALM, type Commit, type CommitFault, ENGINE_FAULT, World, type WorldOptions } from './world.js'
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

/** A replay that comes before the tables. */
const NOTHING_TO_REPLAY = 'table_missing'
const STEPS_MAX = 12_000
const STARTS_MAX = 80
const AFTER_ACTIONS_STEPS = 400
const HEAL_TRIES_MAX = 40
const MINUTE_MS = 60_000
/** Nothing handed over in memory, little, or all. */
const HAND_OVER_BYTES = [0, 4_096, 2 ** 22]
/** Longest outages: a commit waits the one out, and not the other. */
const OUTAGES_MS = [600, 6_000]
/** Actions that may wait for a commit, and whether they come before or after it. */
const COMMIT_MOMENTS: { readonly [action in Action]?: readonly CommitFault['when'][] } = {
  compact: ['before'],
  freeze: ['before', 'after'],
  kill: ['before', 'after'],
  freeze_shortly: ['before', 'after'],
  outage: ['before'],
  properties: ['before'],
}
const SHORT_FREEZES_MS = [500, 2_000]
const FREEZES_MS = [2_000, 12 * MINUTE_MS, 40 * MINUTE_MS, 600 * MINUTE_MS]

/** A process slot: who runs in it, and how often somebody was started. */
interface Slot {
  readonly layers: readonly LayerName[] | 'maintainer' | 'replay'
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
  readonly external: ExternalChanges
  readonly faults: StoreFaults
  readonly #commits: CommitWatch
  readonly #candles = new CandleWatch()
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
    this.log =
      this.scenario.profile === 'storage'
        ? new StorageLog(this.world)
        : new RecordedLog({ clock, random: seededRandom(seed) })
    this.named = new NamedObjects(this.store, this.world)
    const lastsAsWritten = this.scenario.profile !== 'store'
    const { grace_ms } = this.scenario.maintenance
    this.violations = lastsAsWritten ? watchDeletions(this.store, this.named, this.world, grace_ms) : []
    this.#commits = new CommitWatch(lastsAsWritten ? this.violations : [])
    this.store.onCreate = (key, bytes) => {
      this.#commits.created(key, bytes)
      this.#candles.created(key)
    }
    this.#registry = openEmbeddedRegistry(this.store, 'schemas')
    this.#operator = this.lake()
    this.faults = new StoreFaults(this.store, this.world)
    this.external = new ExternalChanges(this.#operator, this.log, this.world, this.faults)
    const { processes, maintainers, replays } = this.scenario
    const kinds: Slot['layers'][] = [...processes]
    for (let n = 0; n < maintainers; n++) kinds.push('maintainer')
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
      maintenance: this.scenario.maintenance,
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
      if (actions > 0 && world.chance(scenario.actionRate))
        await this.#actOrAwaitCommit(scenario.actions[--actions] as Action)
      if (!(await this.#step())) {
        // Nobody waits for anything: the outage passes, or something has to happen that gives them work.
        if (world.now_ms < world.outageUntil_ms) world.now_ms = world.outageUntil_ms
        else if (!this.#slots.some((slot) => slot.process?.isAlive || this.#canStart(slot))) {
          if (actions === 0) break
          await this.#act(scenario.actions[--actions] as Action)
        }
      }
      if (actions === 0) left--
    }
    await this.#heal()
  }

  async #heal(): Promise<void> {
    const { world } = this
    world.tell('heal')
    world.faults = CALM
    world.commitFaults.length = 0
    this.faults.calm()
    world.outageUntil_ms = 0
    world.registryAway = false
    const lake = this.lake()
    this.violations.push(...(await this.external.rollForward(lake)))
    await lake.close()
    for (let left = HEAL_TRIES_MAX; this.#chunks < this.scenario.workload.chunks.length; left--) {
      if (left === 0) throw new Error('producers are refused for ever')
      await this.#produce()
      if (this.log instanceof StorageLog) await this.external.acceptStops(this.#operator)
    }
    for (const process of this.#processes) process.stop.abort()
    for (const limit = world.steps + STEPS_MAX; await this.#step(); ) {
      if (world.steps > limit) throw new Error('the processes do not come to an end')
    }
    for (const { name, isAlive } of this.#processes) if (isAlive) this.violations.push(`${name} hangs`)
    for (const process of this.#processes) this.#judgeEnd(process)
    for (const process of this.#processes) await process.lake.close()
    await this.faults.end()
    // What it makes readable stays a dead letter that `verify` lists, and would hide what it has to say of damage.
    if (this.scenario.profile !== 'store') await registerLate(this.#registry)
  }

  /** Lets one call happen, and looks at what it did to candles; false when none is left. */
  async #step(): Promise<boolean> {
    const hasHappened = await this.world.step()
    // Tables that were rolled back are not what their checkpoints say; who commits to them is found otherwise.
    const isAsCommitted = this.scenario.profile !== 'store' && !this.external.hasRolledBack
    if (isAsCommitted && this.violations.length === 0) {
      this.violations.push(...(await this.#candles.look(this.#operator)))
    }
    return hasHappened
  }

  async #startSome(): Promise<void> {
    for (const slot of this.#slots) {
      if (slot.process?.ended) this.#judgeEnd(slot.process)
      if (!this.#canStart(slot) || !this.world.chance(this.#startChance)) continue
      slot.process = this.#start(slot.layers)
      slot.acts = this.#acts
    }
  }

  #canStart({ process, acts }: Slot): boolean {
    if (process?.isAlive || this.#processes.length >= STARTS_MAX) return false
    // Who has come to the end of its upstream, or to what is damaged, finds nothing new before something has happened.
    const { ended } = process ?? {}
    const rests = ended !== undefined && (ended.error === undefined || this.faults.explains(ended.error))
    return !rests || acts !== this.#acts
  }

  /** Few are started in an outage: they would only end at once. */
  get #startChance(): number {
    return this.world.now_ms < this.world.outageUntil_ms ? 0.01 : 0.3
  }

  #judgeEnd(process: SimProcess): void {
    const error = process.ended?.error
    if (error === undefined || isRetryable(error)) return
    const code = codeOf(error)
    if (code === ENGINE_FAULT || code === NOTHING_TO_REPLAY || (this.external.hasRolledBack && ROLLED_BACK.has(code)))
      return
    if (this.faults.explains(error)) return
    const told = `${process.name} ended in ${code}: ${error instanceof Error ? error.stack : ''}`
    if (!this.violations.includes(told)) this.violations.push(told)
  }

  #start(layers: Slot['layers']): SimProcess {
    const { world, scenario } = this
    const what = typeof layers === 'string' ? layers : layers.length === 1 ? (layers[0] as LayerName) : 'all'
    const shared: Shared = {
      world,
      store: this.store,
      log: this.log,
      registry: this.#registry,
      commits: this.#commits,
      exchanges: scenario.workload.exchanges,
      maintenance: scenario.maintenance,
    }
    const process = new SimProcess(`${what}#${this.#processes.length}`, shared)
    this.#processes.push(process)
    const { maxPartitions } = scenario
    const limits: BatchLimits = { maxRows: 2 + world.below(scenario.maxRows), maxBytes: 2 ** 20, maxPartitions }
    if (layers === 'maintainer') process.begin((lake) => maintainSome(lake, world))
    else if (layers === 'replay') process.begin((lake, signal) => replayDeadLetters(lake, limits, signal))
    else {
      const rules = scenario.changesRules ? world.oneOf([SILVER_RULES, STRICTER, STRICTER]) : SILVER_RULES
      const drains = !world.chance(scenario.staysUp)
      const handOver_bytes = world.oneOf(HAND_OVER_BYTES)
      const how = {
        limits,
        rules,
        handOver_bytes,
        drain: drains,
        adopt: false,
        interval_ms: 50,
        onEvent: () => undefined,
      }
      const options = { ...how, layers: simulatedLayers(layers) }
      process.begin((lake, signal) => runWorkers(lake, options, signal))
    }
    world.tell(`${process.name} starts`)
    return process
  }

  async #produce(): Promise<void> {
    const { world } = this
    const chunk = this.scenario.workload.chunks[this.#chunks]
    if (!chunk) return
    try {
      await produceChunk(this.log, chunk)
    } catch (error) {
      if (!(this.log instanceof StorageLog)) throw error
      // Killed, out of space, or refused because of damage: the same records come again, later.
      world.tell(`a producer ends: ${codeOf(error)}`)
      return
    }
    this.#chunks++
    const limits: BatchLimits = { maxRows: 100, maxBytes: 2 ** 20, maxPartitions: 64 }
    const options = { limits, drain: true, adopt: false, interval_ms: 0, onEvent: () => undefined }
    for (const layer of simulatedLayers(this.scenario.ahead))
      await runWorkers(this.#operator, { ...options, layers: [layer] }, new AbortController().signal)
  }

  /** Some actions do most harm to a process that commits: mostly they wait for a commit. */
  async #actOrAwaitCommit(action: Action): Promise<void> {
    const { world } = this
    const moments = COMMIT_MOMENTS[action]
    if (!moments || world.chance(0.3)) return this.#act(action)
    // Two processes that compact one table are rare enough otherwise.
    const isMaintainer = ({ caller }: Commit): boolean =>
      this.#slots.some((one) => one.process === caller && one.layers === 'maintainer')
    const wants = action === 'compact' && this.scenario.maintainers > 0 ? isMaintainer : () => true
    world.commitFaults.push({ when: world.oneOf(moments), wants, run: (commit) => this.#act(action, commit) })
  }

  /** Takes an action, at any moment or at a commit, whose process it then hits. */
  async #act(action: Action, commit?: Commit): Promise<void> {
    const { world } = this
    this.#acts++
    if (!world.allows()) return
    world.tell(action)
    const living = this.#processes.filter((process) => process.isAlive)
    const hit = living.find((process) => process === commit?.caller)
    switch (action) {
      case 'produce':
        return this.#produce()
      case 'kill':
        await (hit ?? (living.length > 0 ? world.oneOf(living) : undefined))?.kill()
        return
      case 'freeze':
        return this.#freeze(hit, world.oneOf(FREEZES_MS))
      case 'freeze_shortly':
        return this.#freeze(hit, world.oneOf(SHORT_FREEZES_MS))
      case 'jump':
        world.now_ms += world.oneOf([5, 14, 16, 60]) * MINUTE_MS
        return
      case 'outage':
        world.outageUntil_ms = world.now_ms + world.below(world.oneOf(OUTAGES_MS))
        return
      case 'registry':
        world.registryAway = !world.registryAway
        return
      case 'register_late':
        return registerLate(this.#registry)
      default:
        return this.external.act(action, commit?.table)
    }
  }

  /** A process stands still, once at most; it may be taken for dead, and another does its work meanwhile. */
  #freeze(hit: SimProcess | undefined, for_ms: number): void {
    const rested = this.#processes.filter((one) => one.isAlive && !one.wasFrozen)
    if (rested.length === 0) return
    const process = hit && rested.includes(hit) ? hit : this.world.oneOf(rested)
    process.freeze(for_ms)
    const slot = this.#slots.find((one) => one.process === process)
    if (slot && this.world.chance(0.7)) slot.process = undefined
  }

  async close(): Promise<void> {
    await this.#operator.close()
  }
}
