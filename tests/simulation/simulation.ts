import { isRetryable, seededRandom } from '@assay/core'
import { runWorkers } from '@assay/lake'
import { bronzeLayer, defineRuleSet, type LayerName, type RuleSet, SILVER_RULES, silverLayer } from '@assay/medallion'
import type { BatchLimits } from '@assay/pipeline'
import { openEmbeddedRegistry, type SchemaRegistry } from '@assay/schema-registry'
import { layersNamed } from '../support/layers.js'
import { type MemoryLake, memoryLake } from '../support/memory-lake.js'
import { CommitWatch } from './commit-watch.js'
import { watchDeletions } from './deletion-watch.js'
import { keepHouse, replayDeadLetters } from './jobs.js'
import { NamedObjects } from './named-objects.js'
import { Outsiders, ROLLED_BACK } from './outsiders.js'
import { RecordedLog } from './recorded-log.js'
import { type Action, type Profile, type Scenario, scenarioOf } from './scenario.js'
import { codeOf, type Shared, SimProcess } from './sim-process.js'
import { SimStore } from './sim-store.js'
import { StorageLog } from './storage-log.js'
import { StoreFaults } from './store-faults.js'
import { makeTopics, produceChunk, registerLate, registerSchemas } from './workload.js'
import { type Ambush, CALM, type Commit, ENGINE_FAULT, World, type WorldOptions } from './world.js'
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
/** Longest outages: a commit waits the one out, and not the other. */
const OUTAGES_MS = [600, 6_000]
/** What may wait for a commit, and where it strikes. */
const MOMENTS: { readonly [action in Action]?: readonly Ambush['when'][] } = {
  compact: ['before'],
  freeze: ['before', 'after'],
  kill: ['before', 'after'],
  nap: ['before', 'after'],
  outage: ['before'],
  properties: ['before'],
}
const NAPS_MS = [500, 2_000]
const FREEZES_MS = [2_000, 12 * MINUTE_MS, 40 * MINUTE_MS, 600 * MINUTE_MS]

/** A process slot: who runs in it, and how often somebody was started. */
interface Slot {
  readonly layers: readonly LayerName[] | 'keeper' | 'replay'
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
  readonly faults: StoreFaults
  readonly #commits: CommitWatch
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
    this.store.onCreate = (key, bytes) => this.#commits.created(key, bytes)
    this.#registry = openEmbeddedRegistry(this.store, 'schemas')
    this.#operator = this.lake()
    this.faults = new StoreFaults(this.store, this.world)
    this.outsiders = new Outsiders(this.#operator, this.log, this.world, this.faults)
    const { processes, keepers, replays } = this.scenario
    const kinds: Slot['layers'][] = [...processes]
    for (let n = 0; n < keepers; n++) kinds.push('keeper')
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
      if (actions > 0 && world.chance(scenario.actionRate)) await this.#actOrLurk(scenario.actions[--actions] as Action)
      if (!(await world.step())) {
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
    world.ambushes.length = 0
    this.faults.calm()
    world.outageUntil_ms = 0
    world.registryAway = false
    const lake = this.lake()
    this.violations.push(...(await this.outsiders.rollForward(lake)))
    await lake.close()
    for (let left = HEAL_TRIES_MAX; this.#chunks < this.scenario.workload.chunks.length; left--) {
      if (left === 0) throw new Error('producers are refused for ever')
      await this.#produce()
      if (this.log instanceof StorageLog) await this.outsiders.acceptStops(this.#operator)
    }
    for (const process of this.#processes) process.stop.abort()
    for (const limit = world.steps + STEPS_MAX; await world.step(); ) {
      if (world.steps > limit) throw new Error('the processes do not come to an end')
    }
    for (const { name, isAlive } of this.#processes) if (isAlive) this.violations.push(`${name} hangs`)
    for (const process of this.#processes) this.#judgeEnd(process)
    for (const process of this.#processes) await process.lake.close()
    await this.faults.end()
    // What it makes readable stays a dead letter that `verify` lists, and would hide what it has to say of damage.
    if (this.scenario.profile !== 'store') await registerLate(this.#registry)
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
    if (code === ENGINE_FAULT || code === NOTHING_TO_REPLAY || (this.outsiders.hasRolledBack && ROLLED_BACK.has(code)))
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
    if (layers === 'keeper') process.begin((lake) => keepHouse(lake, world))
    else if (layers === 'replay') process.begin((lake, signal) => replayDeadLetters(lake, limits, signal))
    else {
      const rules = scenario.changesRules ? world.oneOf([SILVER_RULES, STRICTER, STRICTER]) : SILVER_RULES
      const drains = !world.chance(scenario.standing)
      const how = { limits, rules, drain: drains, adopt: false, interval_ms: 50, onEvent: () => undefined }
      const options = { ...how, layers: layersNamed(layers) }
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
    if (!this.scenario.isAhead) return
    const limits: BatchLimits = { maxRows: 100, maxBytes: 2 ** 20, maxPartitions: 64 }
    const options = { limits, drain: true, adopt: false, interval_ms: 0, onEvent: () => undefined }
    for (const layer of [bronzeLayer, silverLayer])
      await runWorkers(this.#operator, { ...options, layers: [layer] }, new AbortController().signal)
  }

  /** Some things do most harm to somebody who commits: mostly they wait for that. */
  async #actOrLurk(action: Action): Promise<void> {
    const { world } = this
    const moments = MOMENTS[action]
    if (!moments || world.chance(0.3)) return this.#act(action)
    // Two who compact one table are rare enough otherwise.
    const isRival = ({ caller }: Commit): boolean =>
      this.#slots.some((one) => one.process === caller && one.layers === 'keeper')
    const wants = action === 'compact' && this.scenario.keepers > 0 ? isRival : () => true
    world.ambushes.push({ when: world.oneOf(moments), wants, deed: (commit) => this.#act(action, commit) })
  }

  /** One of the things that may happen at any moment, or at a commit, which it then strikes. */
  async #act(action: Action, commit?: Commit): Promise<void> {
    const { world } = this
    this.#acts++
    if (!world.allows()) return
    world.tell(action)
    const living = this.#processes.filter((process) => process.isAlive)
    const struck = living.find((process) => process === commit?.caller)
    switch (action) {
      case 'produce':
        return this.#produce()
      case 'kill':
        await (struck ?? (living.length > 0 ? world.oneOf(living) : undefined))?.kill()
        return
      case 'freeze':
        return this.#freeze(struck, world.oneOf(FREEZES_MS))
      case 'nap':
        return this.#freeze(struck, world.oneOf(NAPS_MS))
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
        return this.outsiders.act(action, commit?.table)
    }
  }

  /** A process stands still, once at most; it may be taken for dead, and another does its work meanwhile. */
  #freeze(struck: SimProcess | undefined, for_ms: number): void {
    const rested = this.#processes.filter((one) => one.isAlive && !one.wasFrozen)
    if (rested.length === 0) return
    const process = struck && rested.includes(struck) ? struck : this.world.oneOf(rested)
    process.freeze(for_ms)
    const slot = this.#slots.find((one) => one.process === process)
    if (slot && this.world.chance(0.7)) slot.process = undefined
  }

  async close(): Promise<void> {
    await this.#operator.close()
  }
}
