import type { BytesColumn } from '@assay/core'

/** Bronze rows of a batch in order of (lane, offset), as silver takes them in. */
export interface BronzeRows {
  readonly count: number
  /** Rank of each row's lane in the batch's plan. */
  readonly ranks: Int32Array
  readonly offsets: BigInt64Array
  readonly kafka_us: BigInt64Array
  readonly kafkaNulls: Uint8Array
  readonly bronze_us: BigInt64Array
  readonly raw: BytesColumn
  /** Headers of records whose value does not begin like a frame, as far as they are at hand. */
  readonly headers?: BytesColumn
  /** Of rows derived again: those whose schema could not be had when they were first judged, and why. */
  readonly schemaUnknown?: ReadonlyMap<number, string>
}

/** The first `count` rows. */
export function firstRows(rows: BronzeRows, count: number): BronzeRows {
  return {
    count,
    ranks: rows.ranks.subarray(0, count),
    offsets: rows.offsets.subarray(0, count),
    kafka_us: rows.kafka_us.subarray(0, count),
    kafkaNulls: rows.kafkaNulls.subarray(0, count),
    bronze_us: rows.bronze_us.subarray(0, count),
    raw: rows.raw,
    ...(rows.headers && { headers: rows.headers }),
    ...(rows.schemaUnknown && { schemaUnknown: rows.schemaUnknown }),
  }
}

export const NO_ROWS: BronzeRows = {
  count: 0,
  ranks: new Int32Array(),
  offsets: new BigInt64Array(),
  kafka_us: new BigInt64Array(),
  kafkaNulls: new Uint8Array(),
  bronze_us: new BigInt64Array(),
  raw: { data: new Uint8Array(), offsets: new Uint32Array(1) },
}
