import type { Random } from '@assay/core'
import type { MarketWalk } from './market-walk.js'

/** A record before it becomes a row of a batch. */
export interface SimulatedRecord {
  readonly key: Uint8Array
  readonly value: Uint8Array | null
  readonly timestamp_ms: number
}

const RECORDS_MAX = 1000
/** A record is never sent again after longer than this, so that the duplicate isn't late as well. */
const AGE_MAX_US = 10_000_000

interface Recent {
  readonly record: SimulatedRecord
  readonly walk: MarketWalk
  readonly sent_us: number
}

/** Valid records that were sent, from which a redelivery may be drawn. */
export class RecentRecords {
  private readonly ring: Recent[] = []
  private first = 0
  private end = 0

  add(record: SimulatedRecord, walk: MarketWalk, sent_us: number): void {
    this.ring[this.end % RECORDS_MAX] = { record, walk, sent_us }
    this.end++
    this.first = Math.max(this.first, this.end - RECORDS_MAX)
  }

  /** One of those that were sent recently enough at `now_us`, or undefined if there is none. */
  draw(now_us: number, random: Random): Recent | undefined {
    while (this.first < this.end && this.at(this.first).sent_us < now_us - AGE_MAX_US) this.first++
    if (this.first === this.end) return undefined
    return this.at(this.first + Math.floor(random.unit() * (this.end - this.first)))
  }

  private at(index: number): Recent {
    return this.ring[index % RECORDS_MAX] as Recent
  }
}
