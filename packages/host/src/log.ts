import { AssayError, type Clock, RepeatLimit } from '@assay/core'
import type { FeedEvent } from '@assay/feed'
import type { WorkerEvent } from '@assay/pipeline'
import { type DestinationStream, type Logger, pino } from 'pino'

/** JSON lines, each with the service's name. */
export function openLog(service: string, clock: Clock, stdout: DestinationStream): Logger {
  return pino(
    {
      base: { service },
      timestamp: () => `,"time":"${new Date(clock.now_ms()).toISOString()}"`,
      formatters: { level: (level) => ({ level }) },
    },
    stdout,
  )
}

/** Logs what workers tell; an outage that lasts is told less and less often. */
export function workerLog(log: Logger, clock: Clock) {
  const outages = new RepeatLimit(clock)
  return {
    onEvent(event: WorkerEvent): void {
      if (event.kind !== 'outage' || outages.isDue(event.worker, codeOf(event.error))) logWorkerEvent(log, event)
    },
    onRecovered(worker: string, outage_ms: number): void {
      outages.end(worker)
      log.info({ worker, outage_seconds: Math.round(outage_ms) / 1000 }, 'the outage is over')
    },
  }
}

function logWorkerEvent(log: Logger, event: WorkerEvent): void {
  switch (event.kind) {
    case 'committed':
      log.debug({ ...event }, 'committed')
      return
    case 'refused':
      log.debug({ ...event }, 'commit refused: starting from the table again')
      return
    case 'outage':
      log.warn(
        { worker: event.worker, retry_ms: Math.round(event.retry_ms), ...errorFields(event.error) },
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
      log.error(
        { worker: event.worker, lane: event.lane, reason: event.reason },
        'lane stopped: "assay status" tells what was lost, "assay gaps accept" goes past it',
      )
  }
}

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

export function codeOf(error: unknown): string {
  return error instanceof AssayError ? error.code : 'defect'
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

/** An error of ours tells by its code and hint; any other is a defect, found by its stack. */
export function errorFields(error: unknown): Record<string, string> {
  if (error instanceof AssayError) return { code: error.code, ...(error.hint !== undefined && { hint: error.hint }) }
  return { code: 'defect', ...(error instanceof Error && error.stack !== undefined && { stack: error.stack }) }
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
