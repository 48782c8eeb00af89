import type { ProduceLimits } from './plan.js'

/** What a log accepts from producers unless it is told otherwise. */
export const PRODUCE_LIMITS: ProduceLimits = {
  record_bytes_max: 1024 * 1024,
  produce_bytes_max: 64 * 1024 * 1024,
}
