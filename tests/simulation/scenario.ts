import type { MaintenancePolicy } from '@assay/iceberg'
import type { LayerName } from '@assay/medallion'
import { COMPARABLE, RIVALRIES, WORKLOADS, type Workload, workload } from './workload.js'
import type { FaultRates, World } from './world.js'

/** What else goes wrong in a run, besides outages and kills. */
const PROFILES = ['storm', 'crowd', 'rivals', 'sleepers', 'foreign', 'log', 'rules', 'rollback', 'storage'] as const
/** `store` comes by its name only, so that a seed keeps the course that it always had. */
export type Profile = (typeof PROFILES)[number] | 'store'

/** Things that outsiders do to log and lake between two calls. */
export type OutsideAction =
  | 'accept'
  | 'collect'
  | 'compact'
  | 'expire'
  | 'mishap'
  | 'night'
  | 'properties'
  | 'rollback'
  | 'store_fault'

/** Things that happen between two calls. */
export type Action =
  | OutsideAction
  | 'freeze'
  | 'jump'
  | 'kill'
  | 'nap'
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
  readonly keepers: number
  /** Bronze and silver have what is produced at once, by workers that meet no faults. */
  readonly isAhead: boolean
  /** Processes that replay dead letters. */
  readonly replays: number
  /** Chance that a process runs until it is told to end, rather than to the end of its upstream. */
  readonly standing: number
  /** Silver processes may come with another rule set. */
  readonly changesRules: boolean
  readonly faults: FaultRates
  readonly actions: readonly Action[]
  /** Chance of an action between two calls. */
  readonly actionRate: number
  readonly maintenance: MaintenancePolicy
}

const EVERY_LAYER: readonly LayerName[] = ['bronze', 'silver', 'gold']
/** Two workers of gold who do its work by turns: each cut of a batch may leave each of them a lane of its own. */
const RIVALRY = {
  processes: [['gold'], ['gold']],
  maxPartitions: 1,
  keepers: 0,
  isAhead: true,
  replays: 0,
  standing: 1,
} as const
const WEIGHTS: Readonly<Record<Profile, readonly Action[]>> = {
  storm: ['produce', 'kill', 'kill', 'outage'],
  crowd: ['produce', 'produce', 'nap', 'kill', 'compact'],
  rivals: ['produce', 'produce', 'nap', 'nap'],
  sleepers: ['produce', 'produce', 'freeze', 'freeze', 'freeze', 'jump', 'night', 'night', 'collect', 'expire', 'kill'],
  foreign: ['produce', 'compact', 'compact', 'expire', 'properties', 'kill', 'collect', 'outage'],
  log: ['produce', 'mishap', 'accept', 'kill', 'produce'],
  rules: ['produce', 'registry', 'register_late', 'kill', 'kill'],
  rollback: ['produce', 'rollback', 'kill', 'expire'],
  storage: ['produce', 'produce', 'mishap', 'mishap', 'accept', 'kill'],
  store: ['produce', 'produce', 'store_fault', 'store_fault', 'store_fault', 'kill'],
}

export function scenarioOf(world: World, chosen?: Profile): Scenario {
  const drawn = world.oneOf(PROFILES)
  const profile = chosen ?? drawn
  const crowded = profile === 'crowd' || world.chance(0.3)
  const separate = EVERY_LAYER.map((layer) => [layer])
  const sets = [[EVERY_LAYER], separate, [EVERY_LAYER, ...separate]]
  const few = world.oneOf(sets.slice(0, 2))
  const storm = profile === 'storm' ? 0.012 : world.oneOf([0, 0.002, 0.006])
  const scenario: Scenario = {
    profile,
    workload: workload(world.below(WORKLOADS)),
    maxRows: profile === 'foreign' ? 2 + world.below(4) : 2 + world.below(16),
    processes: crowded ? world.oneOf([[...separate, ...separate], sets[2] ?? few, [EVERY_LAYER, EVERY_LAYER]]) : few,
    maxPartitions: 64,
    keepers: profile === 'foreign' ? world.oneOf([1, 2]) : profile !== 'rollback' && world.chance(0.4) ? 1 : 0,
    isAhead: false,
    replays: profile === 'rules' ? 1 + world.below(2) : world.oneOf([0, 0, 1]),
    standing: world.oneOf([0, 0.3, 1]),
    changesRules: profile === 'rules',
    faults: {
      before: storm,
      after: storm,
      delay: storm * 2,
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
  if (profile !== 'rivals') return scenario
  return { ...scenario, ...RIVALRY, workload: workload(WORKLOADS + world.below(RIVALRIES)) }
}
