import { type Clock, codeOf, RepeatLimit } from '@assay/core'
import { type FeedEvent, feedEventLine } from '@assay/feed'
import type { Logger } from 'pino'

/** Logs what a feed tells; an outage that lasts is told less and less often. */
export function feedLog(log: Logger, clock: Clock): (event: FeedEvent) => void {
  const outages = new RepeatLimit(clock)
  return (event) => {
    if (event.kind === 'outage' && !outages.isDue(event.exchange, codeOf(event.error))) return
    // Each try begins anew; that the outage is over is told once something is in the log.
    if (event.kind === 'simulating' && outages.lasts(event.exchange)) return
    if (event.kind === 'progress') {
      const outage_ms = outages.end(event.exchange)
      if (outage_ms !== undefined) {
        const outage_seconds = Math.round(outage_ms) / 1000
        log.info({ exchange: event.exchange, outage_seconds }, 'the outage of the log is over')
      }
    }
    const line = feedEventLine(event)
    if (line) log[line.level](line.fields, line.message)
  }
}
