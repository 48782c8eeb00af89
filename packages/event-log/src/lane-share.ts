import type { LaneShare } from './event-log.js'

/** Every lane is everybody's: a log without groups. */
export const EVERY_LANE: LaneShare = {
  holds: () => true,
  report: () => undefined,
  close: async () => undefined,
}
