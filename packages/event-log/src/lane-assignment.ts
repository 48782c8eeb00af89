import type { LaneAssignment } from './event-log.js'

/** The assignment of a log without groups: every process owns every lane. */
export const EVERY_LANE: LaneAssignment = {
  owns: () => true,
  report: () => undefined,
  close: async () => undefined,
}
