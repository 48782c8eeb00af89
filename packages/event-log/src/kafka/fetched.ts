import { type Lane, type Position, position, type RecordBatch } from '@assay/core'
import { type RowBudget, rowAt, takeRows } from '../rows.js'
import type { AbortedTransaction, FetchedLane } from './protocol/fetch-api.js'
import { batchTooLarge, logCorrupt, oldFormat } from './protocol/kafka-errors.js'
import {
  BatchError,
  type BatchHeader,
  checkBatch,
  decodeRecords,
  isAbortMarker,
  readBatchHeader,
} from './protocol/record-batch-v2.js'

/** A row's offset, timestamp, and three ends. */
const ROW_BYTES = 8 + 8 + 3 * 4

/** What one fetch brought of a lane, decoded batch by batch as it is read. */
export class Fetched {
  /** Log's end for readers of committed records, as of the fetch. */
  readonly end: Position
  /** Position up to which this has been handed on. */
  next: Position
  /** Leader epoch of the last batch handed on or passed over. */
  epoch: number | undefined
  readonly #lane: Lane
  readonly #data: Buffer
  readonly #batch_bytes_max: number
  readonly #aborted: AbortedTransaction[]
  /** Producers whose transaction, at this place of the log, is one that was aborted. */
  readonly #aborting = new Set<bigint>()
  /** The batch in hand, and its epoch; what of it is before `next` was handed on. */
  #batch: RecordBatch | undefined
  #batchEpoch = -1
  #at = 0

  constructor(lane: Lane, from: Position, fetched: FetchedLane, batch_bytes_max: number) {
    this.#lane = lane
    this.#data = fetched.records
    this.#batch_bytes_max = batch_bytes_max
    this.#aborted = fetched.aborted.toSorted((a, b) => (a.firstOffset < b.firstOffset ? -1 : 1))
    this.next = from
    this.end = position(fetched.stableEnd > 0n ? fetched.stableEnd : 0n)
  }

  /** What this holds in memory, about. */
  get bytes(): number {
    return this.#data.length + (this.#batch ? batchBytes(this.#batch) : 0)
  }

  /** True when there may be something left of what was fetched. */
  get hasMore(): boolean {
    return this.#batch !== undefined || this.#at < this.#data.length
  }

  /**
   * Rows from `next` on within the budget, which is reduced by them; one row at least when there is one. Throws
   * what makes the next batch unreadable once all before it has been taken.
   */
  take(budget: RowBudget): RecordBatch[] {
    const taken: RecordBatch[] = []
    try {
      while (budget.records > 0) {
        const batch = this.#batch ?? this.#decodeNext()
        if (!batch) break
        const from = rowAt(batch, this.next)
        const rows = takeRows(batch, from, budget, taken.length === 0)
        if (from < batch.count && !rows) break
        if (rows) taken.push(rows)
        this.next = rows?.next ?? batch.next
        this.epoch = this.#batchEpoch
        this.#batch = this.next < batch.next ? batch : undefined
      }
    } catch (error) {
      if (taken.length === 0) throw error
    }
    return taken
  }

  /** The next batch of committed records; batches without any are passed over. Undefined at the end. */
  #decodeNext(): RecordBatch | undefined {
    for (;;) {
      const at = this.#at
      try {
        const header = readBatchHeader(this.#data, at)
        if (!header) {
          this.#at = this.#data.length
          return undefined
        }
        const batch = header.last < this.next ? undefined : this.#decode(at, header)
        this.#at = at + header.total_bytes
        this.#batchEpoch = header.epoch
        if (batch) {
          this.#batch = batch
          return batch
        }
        if (header.last >= this.next) {
          this.next = position(header.last + 1n)
          this.epoch = header.epoch
        }
      } catch (error) {
        throw error instanceof BatchError ? this.#laneError(error, at) : error
      }
    }
  }

  #decode(at: number, header: BatchHeader): RecordBatch | undefined {
    if (header.total_bytes > this.#batch_bytes_max) {
      throw new BatchError('too_large', `the batch has ${header.total_bytes} bytes`)
    }
    checkBatch(this.#data, at, header)
    for (let first = this.#aborted[0]; first && first.firstOffset <= header.last; first = this.#aborted[0]) {
      this.#aborting.add(first.producerId)
      this.#aborted.shift()
    }
    if (header.isControl) {
      if (isAbortMarker(this.#data, at, header)) this.#aborting.delete(header.producerId)
      return undefined
    }
    if (header.count === 0 || (header.isTransactional && this.#aborting.has(header.producerId))) return undefined
    return decodeRecords(this.#data, at, header, this.#lane, this.#batch_bytes_max)
  }

  #laneError(error: BatchError, at: number): Error {
    const base = at + 8 <= this.#data.length ? this.#data.readBigInt64BE(at) : this.next
    const offset = error.fault === 'corrupt' || base < this.next ? this.next : base
    switch (error.fault) {
      case 'too_large':
        return batchTooLarge(this.#lane, offset, error.message)
      case 'old_format':
        return oldFormat(this.#lane, offset, error.message)
      case 'corrupt':
        return logCorrupt(this.#lane, offset, error.message)
    }
  }
}

function batchBytes({ count, keys, values, headers }: RecordBatch): number {
  return count * ROW_BYTES + keys.data.length + values.data.length + headers.data.length
}
