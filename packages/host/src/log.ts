import { AssayError, type Clock, RepeatLimit } from '@assay/core'
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

export function codeOf(error: unknown): string {
  return error instanceof AssayError ? error.code : 'defect'
}

/** An error of ours tells by its code and hint; any other is a defect, found by its stack. */
export function errorFields(error: unknown): Record<string, string> {
  if (error instanceof AssayError) return { code: error.code, ...(error.hint !== undefined && { hint: error.hint }) }
  return { code: 'defect', ...(error instanceof Error && error.stack !== undefined && { stack: error.stack }) }
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
