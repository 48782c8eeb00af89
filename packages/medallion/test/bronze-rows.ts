import { bytesColumn } from '@assay/core'
import type { BronzeRows } from '../src/silver/rows/rows.js'

/** Rows of these lanes, by rank, with nothing in them; offsets count from 0 over all lanes. */
export function bronzeRows(ranks: readonly number[]): BronzeRows {
  return {
    count: ranks.length,
    ranks: Int32Array.from(ranks),
    offsets: BigInt64Array.from(ranks, (_, i) => BigInt(i)),
    kafka_us: new BigInt64Array(ranks.length),
    kafkaNulls: new Uint8Array(ranks.length),
    bronze_us: new BigInt64Array(ranks.length),
    raw: bytesColumn(ranks.map(() => new Uint8Array())),
  }
}
