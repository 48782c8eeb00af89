import { type Clock, codeOf, errorFields, type LogLine, messageOf, RepeatLimit } from '@assay/core'
import { type FeedEvent, feedEventLine } from '@assay/feed'
import { type WorkerEvent, workerEventLine } from '@assay/pipeline'
import type { Logger } from 'pino'
import type { Waits } from './up-waits.js'

/** Logs what happens, an outage that lasts less and less often, and keeps what is waited for up to date. */
export class UpEvents {
  readonly #log: Logger
  readonly #waits: Waits
  readonly #outages: RepeatLimit
  readonly #refusals: RepeatLimit

  constructor(log: Logger, waits: Waits, clock: Clock) {
    this.#log = log
    this.#waits = waits
    this.#outages = new RepeatLimit(clock)
    this.#refusals = new RepeatLimit(clock)
  }

  onWorker(event: WorkerEvent): void {
    // The lake is open, and all that a worker needs to begin with.
    this.end('lake')
    if (event.kind === 'outage' && !this.#begin(event.worker, event.error)) return
    this.tell(workerEventLine(event))
  }

  onFeed(event: FeedEvent): void {
    const who = `feed-${event.exchange}`
    if (event.kind === 'progress' || event.kind === 'connected') this.end(who)
    // Each try begins anew; that the outage is over is told once something is in the log.
    if (event.kind === 'simulating' && this.#outages.lasts(who)) return
    if (event.kind === 'outage' && !this.#begin(who, event.error)) return
    // A feed that has changed its format refuses every message.
    if (event.kind === 'progress' && event.refused > 0 && !this.#refusals.isDue(who, 'refused')) return
    const line = feedEventLine(event)
    if (line) this.tell(line)
  }

  onOutage(who: string, error: unknown, retry_ms: number): void {
    if (!this.#begin(who, error)) return
    const fields = { retry_ms, ...errorFields(error) }
    this.tell({ level: 'warn', fields, message: `outage, trying again: ${messageOf(error)}` })
  }

  /** The outage that the loop waited for, if any, is over. */
  end(who: string): void {
    this.#waits.end(who)
    const outage_ms = this.#outages.end(who)
    if (outage_ms === undefined) return
    this.#log.info({ worker: who, outage_seconds: Math.round(outage_ms) / 1000 }, 'the outage is over')
  }

  #begin(who: string, error: unknown): boolean {
    this.#waits.begin(who, error)
    return this.#outages.isDue(who, codeOf(error))
  }

  tell({ level, fields, message }: LogLine): void {
    this.#log[level](fields, message)
  }
}
