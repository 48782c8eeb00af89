import { AssayError, isRetryable } from '@assay/core'
import { isFileGone } from './file-gone.js'

/**
 * What is done about a turn that failed: planned again at once, since a clean-up took files that the plan named; tried
 * again after a pause, the same each time while an operator has paused the commits, else one that grows; or the worker
 * ends with the error.
 */
type Remedy = 'plan_again' | 'wait_paused' | 'wait_longer' | 'give_up'

/** Attempts, with growing pauses of some ten seconds in all, before a batch is taken to be too much for the engine. */
const OUT_OF_MEMORY_ATTEMPTS_MAX = 7

interface Failures {
  /** Failed turns since the last good one. */
  readonly count: number
  /** Whether the plan was made anew since then. */
  readonly isReplanned: boolean
}

export function remedyFor(error: unknown, { count, isReplanned }: Failures): Remedy {
  if (isFileGone(error) && !isReplanned) return 'plan_again'
  const code = error instanceof AssayError ? error.code : undefined
  if (code === 'paused') return 'wait_paused'
  if (isRetryable(error)) return 'wait_longer'
  // Workers share the engine's memory: what a neighbour holds now, it gives back.
  if (code === 'engine_out_of_memory' && count < OUT_OF_MEMORY_ATTEMPTS_MAX) return 'wait_longer'
  return 'give_up'
}
