import type { MaintenancePolicy } from '@assay/iceberg'
import type { LayerName } from '@assay/medallion'
import { CANDLE_WORKLOADS, COMPARABLE, STANDBY_WORKLOADS, WORKLOADS, type Workload, workload } from './workload.js'
import type { FaultRates, World } from './world.js'

/** What else goes wrong in a run, besides outages and kills. */
const PROFILES = [
  'outages',
  'contention',
  'gold_standby',
  'frozen_writers',
  'foreign',
  'log',
  'rules',
  'rollback',
  'storage',
  'candles',
] as const
/** `store` comes by its name only, so that a seed keeps the course that it always had. */
export type Profile = (typeof PROFILES)[number] | 'store'

/** Things that external do to log and lake between two calls. */
export type ExternalAction =
  | 'accept'
  | 'collect'
  | 'compact'
  | 'expire'
  | 'log_fault'
  | 'hours_of_commits'
  | 'properties'
  | 'rollback'
  | 'store_fault'

/** Things that happen between two calls. */
export type Action =
  | ExternalAction
  | 'freeze'
  | 'jump'
  | 'kill'
  | 'freeze_shortly'
  | 'outage'
  | 'produce'
  | 'register_late'
  | 'registry'

export interface Scenario {
  readonly profile: Profile
  readonly workload: Workload
  /** Limit of a batch; each process draws its own below it. */
  readonly maxRows: number
  /** Layers of each process that is kept running. */
  readonly processes: readonly (readonly LayerName[])[]
  /** Greatest number of partitions of a batch. */
  readonly maxPartitions: number
  /** Processes that compact and clean up all the time. */
  readonly maintainers: number
  /** Layers that have what is produced at once, by workers that meet no faults. */
  readonly ahead: readonly LayerName[]
  /** Processes that replay dead letters. */
  readonly replays: number
  /** Chance that a process runs until it is told to end, rather than to the end of its upstream. */
  readonly staysUp: number
  /** Silver processes may come with another rule set. */
  readonly changesRules: boolean
  readonly faults: FaultRates
  readonly actions: readonly Action[]
  /** Chance of an action between two calls. */
  readonly actionRate: number
  readonly maintenance: MaintenancePolicy
}

const EVERY_LAYER: readonly LayerName[] = ['bronze', 'silver', 'gold', 'candles']
/**
 * Two workers of gold, one of which stands by: each batch that is cut short may leave each of them a lane of its own.
 */
const GOLD_STANDBY = {
  processes: [['gold'], ['gold']],
  maxPartitions: 1,
  maintainers: 0,
  ahead: ['bronze', 'silver'],
  replays: 0,
  staysUp: 1,
} as const
/** Two workers of candles, of which each decides by the watermark that it knows. */
const CANDLES = {
  processes: [['candles'], ['candles']],
  ahead: ['bronze', 'silver', 'gold'],
  replays: 1,
  staysUp: 0.7,
} as const
const WEIGHTS: Readonly<Record<Profile, readonly Action[]>> = {
  outages: ['produce', 'kill', 'kill', 'outage'],
  contention: ['produce', 'produce', 'freeze_shortly', 'kill', 'compact'],
  gold_standby: ['produce', 'produce', 'freeze_shortly', 'freeze_shortly'],
  frozen_writers: [
    'produce',
    'produce',
    'freeze',
    'freeze',
    'freeze',
    'jump',
    'hours_of_commits',
    'hours_of_commits',
    'collect',
    'expire',
    'kill',
  ],
  foreign: ['produce', 'compact', 'compact', 'expire', 'properties', 'kill', 'collect', 'outage'],
  log: ['produce', 'log_fault', 'accept', 'kill', 'produce'],
  rules: ['produce', 'registry', 'register_late', 'kill', 'kill'],
  rollback: ['produce', 'rollback', 'kill', 'expire'],
  storage: ['produce', 'produce', 'log_fault', 'log_fault', 'accept', 'kill'],
  candles: [
    'produce',
    'produce',
    'produce',
    'produce',
    'freeze_shortly',
    'freeze_shortly',
    'kill',
    'compact',
    'outage',
    'register_late',
    'jump',
    'jump',
    'jump',
  ],
  store: ['produce', 'produce', 'store_fault', 'store_fault', 'store_fault', 'kill'],
}

export function scenarioOf(world: World, chosen?: Profile): Scenario {
  const drawn = world.oneOf(PROFILES)
  const profile = chosen ?? drawn
  const isContended = profile === 'contention' || world.chance(0.3)
  const separate = EVERY_LAYER.map((layer) => [layer])
  const sets = [[EVERY_LAYER], separate, [EVERY_LAYER, ...separate]]
  const few = world.oneOf(sets.slice(0, 2))
  const outageRate = profile === 'outages' ? 0.012 : world.oneOf([0, 0.002, 0.006])
  const scenario: Scenario = {
    profile,
    workload: workload(world.below(WORKLOADS)),
    maxRows: profile === 'foreign' ? 2 + world.below(4) : 2 + world.below(16),
    processes: isContended
      ? world.oneOf([[...separate, ...separate], sets[2] ?? few, [EVERY_LAYER, EVERY_LAYER]])
      : few,
    maxPartitions: 64,
    maintainers: profile === 'foreign' ? world.oneOf([1, 2]) : profile !== 'rollback' && world.chance(0.4) ? 1 : 0,
    ahead: [],
    replays: profile === 'rules' ? 1 + world.below(2) : world.oneOf([0, 0, 1]),
    staysUp: world.oneOf([0, 0.3, 1]),
    changesRules: profile === 'rules',
    faults: {
      before: outageRate,
      after: outageRate,
      delay: outageRate * 2,
      engine: world.chance(0.2) ? 0.01 : 0,
      stale: world.oneOf([0, 0.5]),
    },
    actions: Array.from({ length: 6 + world.below(9) }, () => world.oneOf(WEIGHTS[profile])),
    actionRate: world.oneOf([0.01, 0.03]),
    maintenance: {
      manifestsToMerge: 2 + world.below(3),
      manifestFilesMax: 8_192,
      snapshotsToKeep: profile === 'rollback' ? 10 : 1 + world.below(5),
      snapshotsKept_ms: world.oneOf([0, 500]),
      snapshotsToExpire: 1 + world.below(2),
      grace_ms: 15 * 60_000,
    },
  }
  // Here every value counts: what an undisturbed run leads to is all that tells of a changed one.
  if (profile === 'store') return { ...scenario, workload: workload(scenario.workload.id % COMPARABLE) }
  const standby = WORKLOADS + STANDBY_WORKLOADS
  if (profile === 'candles') {
    return { ...scenario, ...CANDLES, workload: workload(standby + world.below(CANDLE_WORKLOADS)) }
  }
  if (profile !== 'gold_standby') return scenario
  return { ...scenario, ...GOLD_STANDBY, workload: workload(WORKLOADS + world.below(STANDBY_WORKLOADS)) }
}
