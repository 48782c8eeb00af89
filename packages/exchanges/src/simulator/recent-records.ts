import type { Random } from '@assay/core'

/** A record before it becomes a row of a batch. */
export interface SimulatedRecord {
  readonly key: Uint8Array
  readonly value: Uint8Array | null
  readonly timestamp_ms: number
}

const RECORDS_MAX = 1000
/** A duplicate is never older than this, so that it isn't late as well. */
const AGE_MAX_US = 10_000_000

/** Valid records from which a redelivery may be drawn. */
export class RecentRecords {
  private readonly ring: { readonly record: SimulatedRecord; readonly event_us: number }[] = []
  private first = 0
  private end = 0

  add(record: SimulatedRecord, event_us: number): void {
    this.ring[this.end % RECORDS_MAX] = { record, event_us }
    this.end++
    this.first = Math.max(this.first, this.end - RECORDS_MAX)
  }

  /** One of those that are young enough at `now_us`, or undefined if there is none. */
  draw(now_us: number, random: Random): SimulatedRecord | undefined {
    while (this.first < this.end && this.at(this.first).event_us < now_us - AGE_MAX_US) this.first++
    if (this.first === this.end) return undefined
    return this.at(this.first + Math.floor(random.unit() * (this.end - this.first))).record
  }

  private at(index: number): { readonly record: SimulatedRecord; readonly event_us: number } {
    return this.ring[index % RECORDS_MAX] as { record: SimulatedRecord; event_us: number }
  }
}
