import { type Clock, RepeatLimit } from '@assay/core'
import type { FeedEvent } from '@assay/feed'
import { codeOf, errorFields, messageOf } from '@assay/host'
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
    logFeedEvent(log, event)
  }
}

function logFeedEvent(log: Logger, event: FeedEvent): void {
  const { exchange } = event
  switch (event.kind) {
    case 'sample_loaded':
      log.info({ exchange, records: event.produced }, 'recorded trades are in the log')
      return
    case 'simulating':
      log.info({ exchange, per_second: event.per_second }, 'simulated trades begin')
      return
    case 'connected':
      log.info({ exchange, outage_seconds: event.outage_seconds }, 'connected to the exchange')
      return
    case 'disconnected':
      log.warn(
        { exchange, retry_ms: Math.round(event.retry_ms) },
        `no connection to the exchange, trying again: ${event.reason}`,
      )
      return
    case 'rejected':
      log.error({ exchange }, `the exchange refuses what was asked for: ${event.reason}`)
      return
    case 'outage':
      log.warn(
        { exchange, retry_ms: event.retry_ms, ...errorFields(event.error) },
        `the log can't be written, trying again: ${messageOf(event.error)}`,
      )
      return
    case 'given_up':
      log.error({ exchange, records: event.records }, 'these records could not be written before the end')
      return
    case 'progress':
      if (event.refused > 0) log.warn({ exchange, refused: event.refused }, `not understood: ${event.refusal}`)
  }
}
