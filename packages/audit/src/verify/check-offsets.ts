import { type LaneKey, laneKey } from '@assay/core'
import { quoteText, type Session } from '@assay/engine'
import type { Lake } from '@assay/lake'
import { type CheckList, Findings, LISTED_MAX } from '../check.js'
import { addListed } from '../compare/compare.js'
import { chunksOf, type LaneRows } from '../pinned/lane-rows.js'
import type { OffsetRange, PinnedScan } from '../pinned/pinned-scan.js'

/** Bronze of a topic, and what it is checked against. */
export interface BronzeCheck {
  readonly lake: Lake
  readonly session: Session
  readonly topic: string
  readonly bronze: PinnedScan
  readonly gaps: PinnedScan
  /** What bronze holds of its lanes. */
  readonly rows: ReadonlyMap<LaneKey, LaneRows>
  readonly checks: CheckList
}

/** Offsets below a lane's position without a row, in all lanes so far. */
interface Holes {
  offsets: bigint
  /** Missing offsets that lie in accepted gaps. */
  inGaps: bigint
  readonly first: string[]
}

/**
 * No coordinate is in bronze twice. Offsets without a row are counted and compared with the gaps that an operator
 * accepted; of the others only the log can say whether it ever had them.
 */
export async function checkOffsets(check: BronzeCheck): Promise<void> {
  const { session, bronze, gaps, rows, checks } = check
  const findings = new Findings()
  const accepted = await acceptedGaps(session, gaps)
  let count = 0n
  let offsets = 0n
  const holes: Holes = { offsets: 0n, inGaps: 0n, first: [] }
  for (const [key, { position }] of bronze.checkpoint.lanes) {
    offsets += position
    const lane = rows.get(key)
    count += lane?.rows ?? 0n
    await addHoles(check, { key, position, lane, gaps: accepted.get(key) ?? [] }, holes, findings)
  }
  const open = holes.offsets - holes.inGaps
  checks.done(
    { promise: 'B2', subject: bronze.name, claim: 'no offset is there twice, none below the position is left out' },
    { offsets_below_positions: offsets, rows: count, holes_in_accepted_gaps: holes.inGaps, other_holes: open },
    findings,
    open > 0n
      ? `holes (compaction, transactions or retention of the log): ${holes.first.join(', ')}; --from-log tells whether the log has them`
      : undefined,
  )
}

interface BronzeLane {
  readonly key: LaneKey
  readonly position: bigint
  /** The lane's rows; undefined for none. */
  readonly lane: LaneRows | undefined
  /** Gaps of the lane that an operator accepted. */
  readonly gaps: readonly OffsetRange[]
}

async function addHoles(
  { session, bronze }: BronzeCheck,
  { key, position, lane, gaps }: BronzeLane,
  holes: Holes,
  findings: Findings,
): Promise<void> {
  const add = (from: bigint, to: bigint): void => {
    if (to <= from) return
    holes.offsets += to - from
    if (holes.first.length < LISTED_MAX) holes.first.push(`${key}/${from}..${to - 1n}`)
    for (const gap of gaps) holes.inGaps += overlap(from, to, gap)
  }
  if (!lane) {
    add(0n, position)
    return
  }
  add(0n, lane.least)
  let last = lane.least - 1n
  for (const chunk of chunksOf({ key, from: lane.least, to: lane.greatest + 1n })) {
    const found = await chunkHoles(session, bronze, chunk, last, findings)
    for (const { from, to } of found.listed) add(from, to)
    holes.offsets += found.unlisted
    last = found.last
  }
  add(lane.greatest + 1n, position)
}

/** Ranges that are told one by one; of a log with more holes the rest is only counted, unless it has accepted gaps. */
const HOLES_MAX = 10_000

async function chunkHoles(
  session: Session,
  bronze: PinnedScan,
  chunk: OffsetRange,
  last: bigint,
  findings: Findings,
): Promise<{
  readonly listed: readonly { from: bigint; to: bigint }[]
  readonly unlisted: bigint
  readonly last: bigint
}> {
  const rows = `SELECT "offset" FROM (${await bronze.rowsIn([chunk])})`
  const [counted] = await session.rows(
    `SELECT count(*) AS n, count(DISTINCT "offset") AS offsets, max("offset") AS greatest FROM (${rows})`,
  )
  if (counted?.n !== counted?.offsets) {
    await addListed(
      session,
      `SELECT ${quoteText(`${chunk.key}/`)} || "offset" || ' is there ' || count(*) || ' times' AS text
       FROM (${rows}) GROUP BY "offset" HAVING count(*) > 1`,
      findings,
    )
  }
  const greatest = (counted?.greatest as bigint | null) ?? last
  const missing = greatest - last - (counted?.offsets as bigint)
  if (missing === 0n) return { listed: [], unlisted: 0n, last: greatest }
  const holes = await session.rows(
    `SELECT before + 1 AS "from", "offset" AS "to" FROM (
       SELECT "offset", lag("offset", 1, ${last}) OVER (ORDER BY "offset") AS before FROM (SELECT DISTINCT "offset" FROM (${rows}))
     ) WHERE "offset" > before + 1 ORDER BY 1 LIMIT ${HOLES_MAX}`,
  )
  const listed = holes.map(({ from, to }) => ({ from: from as bigint, to: to as bigint }))
  return { listed, unlisted: listed.reduce((left, { from, to }) => left - (to - from), missing), last: greatest }
}

function overlap(from: bigint, to: bigint, range: OffsetRange): bigint {
  const start = from > range.from ? from : range.from
  const end = to < range.to ? to : range.to
  return end > start ? end - start : 0n
}

/** Accepted gaps of each lane, joined where they meet. */
export async function acceptedGaps(session: Session, gaps: PinnedScan): Promise<Map<LaneKey, OffsetRange[]>> {
  const rows = await session.rows(
    `SELECT DISTINCT topic, "partition", from_offset, to_offset FROM (${await gaps.sql()})
     WHERE accepted_at IS NOT NULL AND source = 'log' ORDER BY from_offset`,
    1_000_000,
  )
  const accepted = new Map<LaneKey, OffsetRange[]>()
  for (const row of rows) {
    const key = laneKey({ topic: String(row.topic), partition: Number(row.partition) })
    const before = accepted.get(key)?.at(-1)
    const range = { key, from: row.from_offset as bigint, to: row.to_offset as bigint }
    if (!before || before.to < range.from) accepted.set(key, [...(accepted.get(key) ?? []), range])
    else if (range.to > before.to) accepted.get(key)?.splice(-1, 1, { ...before, to: range.to })
  }
  return accepted
}
