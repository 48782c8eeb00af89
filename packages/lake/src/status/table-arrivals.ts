import { type LaneKey, type Position, parseLaneKey, position } from '@assay/core'
import { quoteIdentifier, quoteText, withSession } from '@assay/engine'
import type { Snapshot } from '@assay/iceberg'
import { isReplayLane, type LakeTable, laneSql, lanesMoved, type PinnedTable, scanSql } from '@assay/pipeline'
import type { Lake } from '../lake.js'

/** A table that another one reads, as it was pinned. */
interface PinnedUpstream {
  readonly table: LakeTable
  readonly pinned: PinnedTable
  /** Column that says when a row was written to the table. */
  readonly writtenAt: string
}

/** When a row was written never changes, and every scrape asks for the same rows until they are read. */
const WRITTEN_MAX = 10_000
const writtenByRow = new WeakMap<Lake, Map<string, number>>()

/**
 * When the oldest row of a lane at or beyond `from` was committed to the table, ms since 1970: by the snapshots that
 * the table still has, each of which says how far it brought its lanes; where they don't reach, by the row itself.
 * Null only for a table without snapshots.
 */
export async function arrivalInTable(
  lake: Lake,
  upstream: PinnedUpstream,
  lane: LaneKey,
  from: Position,
): Promise<number | null> {
  const history = [...upstream.pinned.version.metadata.snapshots].sort((a, b) => a.sequenceNumber - b.sequenceNumber)
  const arrived = history.findIndex((snapshot) => (positionIn(snapshot, lane) ?? from) > from)
  const seen_ms = (history[arrived] ?? history[0])?.timestamp_ms ?? null
  if (arrived >= 0 && isFirstBeyond(history, arrived, lane)) return seen_ms
  return (await writtenAt(lake, upstream, lane, from)) ?? seen_ms
}

/** True when no snapshot that was expired since can have brought the lane past the position before this one did. */
function isFirstBeyond(history: readonly Snapshot[], arrived: number, lane: LaneKey): boolean {
  for (let i = arrived; i >= 0; i--) {
    const snapshot = history[i] as Snapshot
    if (i < arrived && positionIn(snapshot, lane) !== undefined) return true
    const before = i === 0 ? 0 : (history[i - 1] as Snapshot).sequenceNumber
    if (snapshot.sequenceNumber !== before + 1) return false
  }
  return true
}

/** How far a snapshot brought a lane; undefined for one that left the lane as it was. */
function positionIn(snapshot: Snapshot, lane: LaneKey): Position | undefined {
  const at = lanesMoved(snapshot)[lane]?.position
  return at === undefined ? undefined : position(at)
}

/** When the first row of the lane at or beyond `from` was written, ms; undefined where only rejected records wait. */
async function writtenAt(
  lake: Lake,
  { table, pinned, writtenAt: column }: PinnedUpstream,
  lane: LaneKey,
  from: Position,
): Promise<number | undefined> {
  const { definition } = table
  const name = `${definition.name} ${lane} ${from}`
  const byRow = writtenByRow.get(lake) ?? new Map<string, number>()
  writtenByRow.set(lake, byRow)
  const found = byRow.get(name)
  if (found !== undefined) return found
  const at = parseLaneKey(lane)
  const isReplay = isReplayLane(at)
  const files = await table.files(pinned, {
    keep: (bounds) =>
      isReplay ||
      (bounds.meets(definition.coordinates?.partition ?? '', at.partition, at.partition) &&
        bounds.meets(definition.coordinates?.offset ?? '', from, 2n ** 63n - 1n)),
  })
  const { key, offset } = laneSql(definition)
  return withSession(await lake.engine(), async (session) => {
    const [row] =
      await session.rows(`SELECT epoch_ms(arg_min(${quoteIdentifier(column)}, ${offset}))::BIGINT AS written_ms
      FROM (${scanSql(definition, files)}) WHERE ${key} = ${quoteText(lane)} AND ${offset} >= ${from}`)
    const written_ms = row?.written_ms
    if (typeof written_ms !== 'bigint') return undefined
    if (byRow.size >= WRITTEN_MAX) byRow.clear()
    byRow.set(name, Number(written_ms))
    return Number(written_ms)
  })
}
