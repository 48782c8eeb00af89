import type { FeedEvent } from '@assay/feed'
import type { WorkerEvent } from '@assay/pipeline'
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
    case 'topic_warning':
      log.warn({ worker: event.worker }, event.message)
      return
    case 'table_warning':
      log.warn({ worker: event.worker, table: event.table }, event.message)
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
      return
    case 'connected':
      log.info({ exchange: event.exchange }, 'connected to the exchange')
      return
    case 'disconnected':
      log.warn({ exchange: event.exchange }, `no connection to the exchange, trying again: ${event.reason}`)
      return
    case 'rejected':
      log.error({ exchange: event.exchange }, `the exchange refuses what was asked for: ${event.reason}`)
      return
    case 'given_up':
      log.error({ exchange: event.exchange, records: event.records }, 'records could not be written before the end')
      return
    case 'progress':
      if (event.refused > 0) log.debug({ exchange: event.exchange }, `not understood: ${event.refusal}`)
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
