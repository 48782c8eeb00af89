import type { LaneAssignment } from './event-log.js'

/** Every lane is everybody's: a log without groups. */
export const EVERY_LANE: LaneAssignment = {
  owns: () => true,
  report: () => undefined,
  close: async () => undefined,
}
