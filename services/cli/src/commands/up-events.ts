import type { WorkerEvent } from '@assay/medallion'
import type { FeedEvent } from '@assay/runtime'
import type { Logger } from 'pino'

/** Logs what an operator should know; commits and lost races are everyday business. */
export function logWorkerEvent(log: Logger, event: WorkerEvent): void {
  switch (event.kind) {
    case 'committed':
      log.debug({ worker: event.worker, ...event.counts, duration_ms: event.duration_ms }, 'committed')
      return
    case 'refused':
      log.debug({ worker: event.worker, reason: event.reason }, 'commit refused, starting from the table again')
      return
    case 'outage':
      log.warn(
        { worker: event.worker, retry_ms: Math.round(event.retry_ms) },
        `outage, trying again: ${messageOf(event.error)}`,
      )
      return
    case 'lane_stopped':
      log.error({ worker: event.worker, reason: event.reason }, `lane ${event.lane} stopped: see assay status`)
  }
}

export function logFeedEvent(log: Logger, event: FeedEvent): void {
  switch (event.kind) {
    case 'sample_loaded':
      log.info({ exchange: event.exchange, records: event.produced }, 'recorded trades are in the log')
      return
    case 'simulating':
      log.info({ exchange: event.exchange, per_second: event.per_second }, 'simulated trades begin')
      return
    case 'outage':
      log.warn({ exchange: event.exchange }, `feed interrupted, trying again: ${messageOf(event.error)}`)
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
