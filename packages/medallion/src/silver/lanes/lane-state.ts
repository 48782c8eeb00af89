import {
  badCheckpoint,
  clockMembers,
  type LaneCheckpoint,
  type LaneClockState,
  readClock,
  type StateMembers,
} from '@assay/pipeline'
import { z } from 'zod'

/** What silver keeps of a lane beside its position: later rows are judged by it. */
interface SilverLaneState extends LaneClockState {
  /** Rule set that judged the newest rows. */
  readonly rules: string | undefined
}

const WHAT = "silver's state of a lane"
const members = z.object({ rules: z.string().optional() })

/** Reads the state of a lane; throws `bad_checkpoint` when it isn't one. */
export function readLaneState(lane: LaneCheckpoint | undefined): SilverLaneState {
  const { success, data, error } = members.safeParse(lane?.state ?? {})
  if (success) return { ...readClock(lane?.state, WHAT), rules: data.rules }
  throw badCheckpoint(WHAT, error)
}

/** The members that a checkpoint holds it in; one without a value is taken out. */
export function laneState({ greatest_us, candidate_us, rules }: Partial<SilverLaneState>): StateMembers {
  return { ...clockMembers({ greatest_us, candidate_us }), rules }
}
