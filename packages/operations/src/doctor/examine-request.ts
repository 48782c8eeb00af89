import type { Clock, Random } from '@assay/core'

export interface ExamineRequest {
  readonly env: Readonly<Record<string, string | undefined>>
  /** The lake as the user named it. */
  readonly location: string
  readonly clock: Clock
  readonly random: Random
  readonly signal: AbortSignal
}
