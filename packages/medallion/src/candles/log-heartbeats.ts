import {
  type ColumnDecoder,
  compileColumnDecoder,
  type DecodedColumns,
  decodedField,
  newDecodedColumns,
} from '@assay/avro'
import type { Heartbeat, HeartbeatSource } from '@assay/candles'
import { AssayError, type LaneKey, laneKey, type Position, position, type RecordBatch } from '@assay/core'
import type { EventLog, LaneStatus } from '@assay/event-log'
import { HEARTBEATS } from '@assay/exchanges'
import { WIRE_HEADER_BYTES } from '@assay/schema-registry'

/** Records before the end that a first look goes back to: older ones say nothing that these don't. */
const LOOK_BACK = 100n
const READ_LIMITS = { maxRecords: 10_000, maxBytes: 4 * 2 ** 20 }
const DIGITS = /^\[(?:\d{1,15}(?:,\d{1,15})*)?\]$/

/**
 * The heartbeats that come into the log. They are an extra: what can't be read, or is of another schema than ours, is
 * left out, and what they would have said is waited for in other ways.
 */
export class LogHeartbeats implements HeartbeatSource {
  readonly #log: EventLog
  readonly #decoder: ColumnDecoder = compileColumnDecoder(HEARTBEATS.schema, HEARTBEATS.schema)
  readonly #next = new Map<LaneKey, Position>()

  constructor(log: EventLog) {
    this.#log = log
  }

  async read(): Promise<Heartbeat[]> {
    try {
      const found: Heartbeat[] = []
      for (const status of await this.#log.lanes(HEARTBEATS.topic)) found.push(...(await this.#readLane(status)))
      return found
    } catch (error) {
      if (error instanceof AssayError) return []
      throw error
    }
  }

  async #readLane({ lane, start, end }: LaneStatus): Promise<Heartbeat[]> {
    const key = laneKey(lane)
    const known = this.#next.get(key)
    const isThere = known !== undefined && known >= start && known <= end
    const from = isThere ? known : position(end - LOOK_BACK > start ? end - LOOK_BACK : start)
    if (from === end) {
      this.#next.set(key, from)
      return []
    }
    const read = await this.#log.read(lane, from, READ_LIMITS)
    if (read.kind !== 'records') return []
    this.#next.set(key, read.next)
    return read.batches.flatMap((batch) => this.#heartbeatsOf(batch))
  }

  #heartbeatsOf({ values, count }: RecordBatch): Heartbeat[] {
    const decoded = newDecodedColumns(HEARTBEATS.schema, values.data, count)
    return Array.from({ length: count }, (_, row) => {
      const body = (values.offsets[row] as number) + WIRE_HEADER_BYTES
      const end = values.offsets[row + 1] as number
      return body < end && this.#decoder.decode(values.data, body, end, row, decoded) ? heartbeatAt(decoded, row) : []
    }).flat()
  }
}

function heartbeatAt(decoded: DecodedColumns, row: number): Heartbeat | [] {
  const offsets = textAt(decoded, 'offsets', row)
  if (!DIGITS.test(offsets)) return []
  const said = decodedField(decoded, 'exchange_time_us', 'long')
  const own = decodedField(decoded, 'feed_time_us', 'long')
  return {
    exchange: textAt(decoded, 'exchange', row),
    time_us: (said.nulls[row] ? own : said).data[row] as bigint,
    offsets: (JSON.parse(offsets) as number[]).map(BigInt),
  }
}

function textAt(decoded: DecodedColumns, name: string, row: number): string {
  const { starts, ends } = decodedField(decoded, name, 'span')
  return Buffer.from(decoded.source.subarray(starts[row], ends[row])).toString()
}
