import { wordsOf } from '@assay/core'
import type { Aggregate } from './aggregate.js'
import { type Window, windowStart } from './assign.js'
import { differenceAt, FloorDivider } from './floor-division.js'
import type { SessionSpec } from './window-spec.js'

const DAY_US = 86_400_000_000n

/** A run of events of a key within one UTC day, of which each comes less than the gap after the one before. */
export interface Session<Acc> {
  /** Times of its first and its last event, µs. */
  readonly first_us: bigint
  readonly last_us: bigint
  readonly value: Acc
}

/**
 * The sessions of one key, earliest first. `times` has µs since 1970 for every row of the block, `rows` the rows of the
 * key in order of their times; throws a RangeError where they are not. The aggregate gets the rows' numbers.
 */
export function sessionsOf<Acc>(
  aggregate: Aggregate<Acc, number>,
  times: BigInt64Array,
  rows: Uint32Array,
  { gap_us }: SessionSpec,
): Session<Acc>[] {
  const words = wordsOf(times)
  const days = new FloorDivider(DAY_US)
  const gap = Number(gap_us)
  const sessions: Session<Acc>[] = []
  let first = 0
  for (let k = 1; k <= rows.length; k++) {
    if (k < rows.length) {
      const row = rows[k] as number
      const before = rows[k - 1] as number
      const silence = differenceAt(words, row, before)
      if (silence < 0) throw new RangeError(`row ${row} is earlier than row ${before} before it`)
      if (silence < gap && days.at(words, row) === days.at(words, before)) continue
    }
    sessions.push(sessionOf(aggregate, times, rows.subarray(first, k)))
    first = k
  }
  return sessions
}

/**
 * The sessions of the events of both, each list earliest first: what `sessionsOf` all of their rows gives. A late event
 * is a list of one session; it may bridge two, which then are one.
 */
export function mergeSessions<Acc>(
  aggregate: Aggregate<Acc, never>,
  a: readonly Session<Acc>[],
  b: readonly Session<Acc>[],
  { gap_us }: SessionSpec,
): Session<Acc>[] {
  const merged: Session<Acc>[] = []
  for (let i = 0, j = 0; i < a.length || j < b.length; ) {
    const [ofA, ofB] = [a[i], b[j]]
    const takesA = ofA !== undefined && (ofB === undefined || ofA.first_us <= ofB.first_us)
    const next = (takesA ? ofA : ofB) as Session<Acc>
    if (takesA) i++
    else j++
    const open = merged.at(-1)
    if (open && next.first_us - open.last_us < gap_us && dayOf(open) === dayOf(next)) {
      merged[merged.length - 1] = {
        first_us: open.first_us,
        last_us: open.last_us > next.last_us ? open.last_us : next.last_us,
        value: aggregate.merge(open.value, next.value),
      }
    } else merged.push(next)
  }
  return merged
}

/** From a session's first event to where the gap after its last is over, or the UTC day. */
export function sessionWindow({ first_us, last_us }: Session<unknown>, { gap_us }: SessionSpec): Window {
  const end_us = last_us + gap_us
  const midnight_us = windowStart(first_us, DAY_US) + DAY_US
  return { start_us: first_us, end_us: end_us < midnight_us ? end_us : midnight_us }
}

function sessionOf<Acc>(aggregate: Aggregate<Acc, number>, times: BigInt64Array, rows: Uint32Array): Session<Acc> {
  let value = aggregate.empty()
  for (let k = 0; k < rows.length; k++) value = aggregate.fold(value, rows[k] as number)
  return { first_us: times[rows[0] as number] as bigint, last_us: times[rows.at(-1) as number] as bigint, value }
}

function dayOf({ first_us }: Session<unknown>): bigint {
  return windowStart(first_us, DAY_US)
}
