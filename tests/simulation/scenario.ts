import type { HousekeepingPolicy } from '@assay/iceberg'
import type { Layer } from '@assay/runtime'
import { WORKLOADS, type Workload, workload } from './workload.js'
import type { FaultRates, World } from './world.js'

/** What else goes wrong in a run, besides outages and kills. */
export const PROFILES = ['storm', 'crowd', 'sleepers', 'foreign', 'log', 'rules', 'rollback'] as const
export type Profile = (typeof PROFILES)[number]

/** Things that outsiders do to log and lake between two calls. */
export type OutsideAction =
  | 'accept'
  | 'collect'
  | 'compact'
  | 'expire'
  | 'forget'
  | 'mishap'
  | 'properties'
  | 'rollback'

/** Things that happen between two calls. */
export type Action = OutsideAction | 'freeze' | 'jump' | 'kill' | 'outage' | 'produce' | 'register_late' | 'registry'

export interface Scenario {
  readonly profile: Profile
  readonly workload: Workload
  /** Limit of a batch; each process draws its own below it. */
  readonly maxRows: number
  /** Layers of each process that is kept running. */
  readonly processes: readonly (readonly Layer[])[]
  /** A process that folds and cleans up all the time. */
  readonly keeper: boolean
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
  readonly housekeeping: HousekeepingPolicy
}

const EVERY_LAYER: readonly Layer[] = ['bronze', 'silver', 'gold']
const WEIGHTS: Readonly<Record<Profile, readonly Action[]>> = {
  storm: ['produce', 'kill', 'kill', 'outage'],
  crowd: ['produce', 'produce', 'kill', 'compact'],
  sleepers: ['produce', 'freeze', 'freeze', 'jump', 'collect', 'expire', 'forget', 'kill'],
  foreign: ['produce', 'compact', 'compact', 'expire', 'properties', 'kill', 'collect', 'outage'],
  log: ['produce', 'mishap', 'accept', 'kill', 'produce'],
  rules: ['produce', 'registry', 'register_late', 'kill', 'kill'],
  rollback: ['produce', 'rollback', 'kill', 'expire'],
}

export function scenarioOf(world: World, chosen?: Profile): Scenario {
  const drawn = world.oneOf(PROFILES)
  const profile = chosen ?? drawn
  const crowded = profile === 'crowd' || world.chance(0.3)
  const separate = EVERY_LAYER.map((layer) => [layer])
  const sets = [[EVERY_LAYER], separate, [EVERY_LAYER, ...separate]]
  const few = world.oneOf(sets.slice(0, 2))
  const storm = profile === 'storm' ? 0.012 : world.oneOf([0, 0.002, 0.006])
  return {
    profile,
    workload: workload(world.below(WORKLOADS)),
    maxRows: 2 + world.below(16),
    processes: crowded ? world.oneOf([[...separate, ...separate], sets[2] ?? few, [EVERY_LAYER, EVERY_LAYER]]) : few,
    keeper: profile !== 'rollback' && world.chance(0.4),
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
    housekeeping: {
      manifestsToMerge: 2 + world.below(3),
      manifestFilesMax: 8_192,
      snapshotsToKeep: profile === 'rollback' ? 10 : 1 + world.below(5),
      snapshotsKept_ms: world.oneOf([0, 500]),
      snapshotsToExpire: 1 + world.below(2),
      grace_ms: 15 * 60_000,
    },
  }
}
