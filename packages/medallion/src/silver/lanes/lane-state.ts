import { badCheckpoint, type LaneCheckpoint, type StateMembers } from '@assay/pipeline'
import { z } from 'zod'
import type { LaneClockState } from './lane-clock.js'

/** What silver keeps of a lane beside its position: later rows are judged by it. */
interface SilverLaneState extends LaneClockState {
  /** Rule set that judged the newest rows. */
  readonly rules: string | undefined
}

const bigintText = z
  .string()
  .regex(/^-?\d{1,19}$/)
  .transform(BigInt)
  .optional()
const members = z.object({ greatest_us: bigintText, candidate_us: bigintText, rules: z.string().optional() })

/** Reads the state of a lane; throws `bad_checkpoint` when it isn't one. */
export function readLaneState(lane: LaneCheckpoint | undefined): SilverLaneState {
  const { success, data, error } = members.safeParse(lane?.state ?? {})
  if (success) return { greatest_us: data.greatest_us, candidate_us: data.candidate_us, rules: data.rules }
  throw badCheckpoint("silver's state of a lane", error)
}

/** The members that a checkpoint holds it in; one without a value is taken out. */
export function laneState({ greatest_us, candidate_us, rules }: Partial<SilverLaneState>): StateMembers {
  return { greatest_us: greatest_us?.toString(), candidate_us: candidate_us?.toString(), rules }
}
