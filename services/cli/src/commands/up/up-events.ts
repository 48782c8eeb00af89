import { AssayError, type Clock, RepeatLimit } from '@assay/core'
import type { FeedEvent } from '@assay/feed'
import type { WorkerEvent } from '@assay/pipeline'
import type { Logger } from 'pino'
import type { Waits } from './up-waits.js'

/** Logs what happens, an outage that lasts less and less often, and keeps what is waited for up to date. */
export class UpEvents {
  readonly #log: Logger
  readonly #waits: Waits
  readonly #outages: RepeatLimit

  constructor(log: Logger, waits: Waits, clock: Clock) {
    this.#log = log
    this.#waits = waits
    this.#outages = new RepeatLimit(clock)
  }

  onWorker(event: WorkerEvent): void {
    // The lake is open, and all that a worker needs to begin with.
    this.end('lake')
    if (event.kind !== 'outage') logWorkerEvent(this.#log, event)
    else if (this.#begin(event.worker, event.error)) logWorkerEvent(this.#log, event)
  }

  onFeed(event: FeedEvent): void {
    const who = `feed-${event.exchange}`
    if (event.kind === 'progress' || event.kind === 'connected') this.end(who)
    // Each try begins anew; that the outage is over is told once something is in the log.
    if (event.kind === 'simulating' && this.#outages.lasts(who)) return
    if (event.kind !== 'outage') logFeedEvent(this.#log, event)
    else if (this.#begin(who, event.error)) logFeedEvent(this.#log, event)
  }

  onOutage(who: string, error: unknown, retry_ms: number): void {
    if (this.#begin(who, error)) this.#log.warn({ retry_ms, ...remedyOf(error) }, outageText(error))
  }

  /** What it waited for, if it did, is over. */
  end(who: string): void {
    this.#waits.end(who)
    const outage_ms = this.#outages.end(who)
    if (outage_ms === undefined) return
    this.#log.info({ worker: who, outage_seconds: Math.round(outage_ms) / 1000 }, 'the outage is over')
  }

  #begin(who: string, error: unknown): boolean {
    this.#waits.begin(who, error)
    return this.#outages.isDue(who, error instanceof AssayError ? error.code : 'defect')
  }
}

/** Logs what an operator should know; commits and lost races are everyday business. */
function logWorkerEvent(log: Logger, event: WorkerEvent): void {
  switch (event.kind) {
    case 'committed':
      log.debug({ worker: event.worker, ...event.counts, duration_ms: event.duration_ms }, 'committed')
      return
    case 'refused':
      log.debug({ worker: event.worker, reason: event.reason }, 'commit refused, starting from the table again')
      return
    case 'outage':
      log.warn(
        { worker: event.worker, retry_ms: Math.round(event.retry_ms), ...remedyOf(event.error) },
        outageText(event.error),
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

function logFeedEvent(log: Logger, event: FeedEvent): void {
  switch (event.kind) {
    case 'sample_loaded':
      log.info({ exchange: event.exchange, records: event.produced }, 'recorded trades are in the log')
      return
    case 'simulating':
      log.info({ exchange: event.exchange, per_second: event.per_second }, 'simulated trades begin')
      return
    case 'outage':
      log.warn(
        { exchange: event.exchange, ...remedyOf(event.error) },
        `feed interrupted, trying again: ${messageOf(event.error)}`,
      )
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

function outageText(error: unknown): string {
  return `outage, trying again: ${messageOf(error)}`
}

function remedyOf(error: unknown): Record<string, string> {
  if (!(error instanceof AssayError)) return {}
  return { code: error.code, ...(error.hint !== undefined && { hint: error.hint }) }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
