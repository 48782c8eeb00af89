import type { Exchange, FeedOutcome, FeedRecord } from '@assay/exchanges'

/** Between which times a trade may have happened, both included; µs since 1970. */
export interface TimeBounds {
  readonly notBefore_us: bigint
  readonly notAfter_us: bigint
}

const DAY_MS = 86_400_000

/**
 * From the exchange's first trade to a day from now: outside of it no trade of the exchange can lie, whatever clocks
 * say. Records that are stamped with their event time have no other yardstick than that.
 */
export function usualBounds({ firstTrade_ms }: Exchange, now_ms: number): TimeBounds {
  return { notBefore_us: BigInt(firstTrade_ms) * 1000n, notAfter_us: BigInt(Math.floor(now_ms) + DAY_MS) * 1000n }
}

/** The outcome with trades outside the bounds refused. */
export function withinBounds(outcome: FeedOutcome, bounds: TimeBounds): FeedOutcome {
  if (outcome.kind !== 'records') return outcome
  if (outcome.records.every(({ event_time_us }) => isWithin(event_time_us, bounds))) return outcome
  const records: FeedRecord[] = []
  const refused = [...outcome.refused]
  for (const record of outcome.records) {
    const reason = outside(record.event_time_us, bounds)
    if (reason === undefined) records.push(record)
    else refused.push(reason)
  }
  if (records.length === 0 && refused[0] !== undefined) return { kind: 'refused', reason: refused[0] }
  return { kind: 'records', records, refused }
}

function isWithin(time_us: bigint, { notBefore_us, notAfter_us }: TimeBounds): boolean {
  return time_us >= notBefore_us && time_us <= notAfter_us
}

function outside(time_us: bigint, bounds: TimeBounds): string | undefined {
  if (isWithin(time_us, bounds)) return undefined
  const { notBefore_us, notAfter_us } = bounds
  const side = time_us < notBefore_us ? `before ${timeText(notBefore_us)}` : `after ${timeText(notAfter_us)}`
  const unit = isWithin(time_us * 1000n, bounds) ? ', which may be seconds where milliseconds are expected' : ''
  return `the trade's time ${timeText(time_us)} is ${side}${unit}`
}

function timeText(us: bigint): string {
  return new Date(Number(us / 1000n)).toISOString()
}
