import {
  bytesColumn,
  nullColumn,
  type Position,
  type ProduceBatch,
  position,
  type RecordBatch,
  rowBytes,
} from '@assay/core'
import type { EventLog, ReadLimits } from '../src/index.js'

/** One record, the way tests speak of it. */
export interface TestRecord {
  readonly value?: string | null
  readonly key?: string | null
  readonly headers?: string | null
  readonly timestamp_ms?: bigint
}

export interface SeenRecord {
  readonly offset: bigint
  readonly value: string | undefined
  readonly key: string | undefined
  readonly headers: string | undefined
  readonly timestamp_ms: bigint
}

export const ALL: ReadLimits = { maxBytes: 1e9, maxRecords: 1e9 }

/**
 * Headers as Kafka encodes them: count, then length and bytes of each key and value, as zigzag varints; -1 for a null.
 */
export function encodeHeaders(headers: readonly (readonly [key: string, value: string | null])[]): string {
  const varint = (value: number): string => {
    const bytes: number[] = []
    let left = value < 0 ? -2 * value - 1 : 2 * value
    for (; left > 127; left = Math.floor(left / 128)) bytes.push((left % 128) + 128)
    return String.fromCharCode(...bytes, left)
  }
  const sized = (text: string | null): string => varint(text?.length ?? -1) + (text ?? '')
  return varint(headers.length) + headers.map(([key, value]) => sized(key) + sized(value)).join('')
}

const encode = (text: string | null | undefined): Uint8Array | undefined =>
  text === null || text === undefined ? undefined : Buffer.from(text, 'latin1')

export function toBatch(records: readonly TestRecord[]): ProduceBatch {
  return {
    count: records.length,
    timestamps_ms: BigInt64Array.from(records.map(({ timestamp_ms }) => timestamp_ms ?? 1_700_000_000_000n)),
    keys: bytesColumn(records.map(({ key }) => encode(key))),
    values: bytesColumn(records.map(({ value }) => encode(value))),
    headers: records.some(({ headers }) => headers)
      ? bytesColumn(records.map(({ headers }) => encode(headers)))
      : nullColumn(records.length),
  }
}

/** Values `<name>0`, `<name>1`, … without keys. */
export function numbered(name: string, count: number): ProduceBatch {
  return toBatch(Array.from({ length: count }, (_, i) => ({ value: `${name}${i}` })))
}

export function seen(batches: readonly RecordBatch[]): SeenRecord[] {
  const text = (bytes: Uint8Array | undefined): string | undefined => bytes && Buffer.from(bytes).toString('latin1')
  return batches.flatMap((batch) =>
    Array.from({ length: batch.count }, (_, i) => ({
      offset: batch.offsets[i] as bigint,
      value: text(rowBytes(batch.values, i)),
      key: text(rowBytes(batch.keys, i)),
      headers: text(rowBytes(batch.headers, i)),
      timestamp_ms: batch.timestamps_ms[i] as bigint,
    })),
  )
}

/** Everything from a position to the end, in reads of the given size. */
export async function readAll(
  log: EventLog,
  lane: { topic: string; partition: number },
  from: Position = position(0),
  limits: ReadLimits = ALL,
): Promise<SeenRecord[]> {
  const records: SeenRecord[] = []
  let next = from
  for (;;) {
    const result = await log.read(lane, next, limits)
    if (result.kind !== 'records') throw new Error(`${result.kind}: the log ends at ${result.end}`)
    for (const record of seen(result.batches)) records.push(record)
    if (result.next === next) return records
    next = result.next
  }
}
