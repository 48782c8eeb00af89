import { type LaneKey, laneKey } from '@assay/core'
import { quoteIdentifier, type Session } from '@assay/engine'
import type { OffsetRange, PinnedScan } from './pinned-scan.js'

/** What a table holds of a lane by its own coordinates; replayed rows are left out. */
export interface LaneRows {
  readonly rows: bigint
  readonly least: bigint
  readonly greatest: bigint
}

const LANES_MAX = 1_000_000
/** Offsets that one statement goes through: joins and sorts stay within the engine's memory. */
const CHUNK_OFFSETS = 500_000n

export async function laneRows(session: Session, scan: PinnedScan): Promise<Map<LaneKey, LaneRows>> {
  const coordinates = scan.coordinates()
  const [topic, partition, offset] = [coordinates.topic, coordinates.partition, coordinates.offset].map(quoteIdentifier)
  const rows = await session.rows(
    `SELECT ${topic} AS topic, ${partition} AS "partition", count(*) AS n, min(${offset}) AS least, max(${offset}) AS greatest
     FROM (${await scan.sql()}) ${ownRows(scan)} GROUP BY ALL`,
    LANES_MAX,
  )
  return new Map(
    rows.map((row) => [
      laneKey({ topic: String(row.topic), partition: Number(row.partition) }),
      { rows: row.n as bigint, least: row.least as bigint, greatest: row.greatest as bigint },
    ]),
  )
}

/** SQL clause that leaves replayed rows out. */
function ownRows({ definition }: PinnedScan): string {
  const { replay } = definition.coordinates ?? {}
  return replay ? `WHERE ${quoteIdentifier(replay.id)} IS NULL` : ''
}

/** Offsets [from, to) of a lane in pieces that one statement takes. */
export function* chunksOf({ key, from, to }: OffsetRange): Generator<OffsetRange> {
  for (let at = from; at < to; at += CHUNK_OFFSETS) {
    const end = at + CHUNK_OFFSETS
    yield { key, from: at, to: end < to ? end : to }
  }
}
