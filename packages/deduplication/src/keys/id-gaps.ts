import type { IntervalSet } from './interval-set.js'
import type { IdRuns } from './key-set.js'

/** Numbers that an exchange must have given out between two trades that gold holds: from (inclusive) to (exclusive). */
export interface IdGap {
  readonly from: number
  readonly to: number
}

interface IdGapChanges {
  readonly opened: readonly IdGap[]
  readonly closed: readonly IdGap[]
}

/**
 * What new runs, none of them in the set, change in the gaps of a symbol. A gap that is filled in part is closed, and
 * what is left of it opened. Below the least number and above the greatest there is no gap.
 */
export function idGapChanges(before: IntervalSet, { starts, ends }: IdRuns): IdGapChanges {
  const opened: IdGap[] = []
  const closed: IdGap[] = []
  for (let i = 0; i < starts.length; ) {
    const { below, above } = before.around(starts[i] as number)
    if (below !== undefined && above !== undefined) closed.push({ from: below + 1, to: above })
    let end = below
    for (; i < starts.length && (above === undefined || (starts[i] as number) < above); i++) {
      const start = starts[i] as number
      if (end !== undefined && start > end + 1) opened.push({ from: end + 1, to: start })
      end = ends[i] as number
    }
    if (above !== undefined && end !== undefined && above > end + 1) opened.push({ from: end + 1, to: above })
  }
  return { opened, closed }
}
