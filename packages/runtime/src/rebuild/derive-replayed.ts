import { rm } from 'node:fs/promises'
import { type LaneKey, laneKey, type Position, position } from '@assay/core'
import type { Session } from '@assay/engine'
import { DEFAULT_LIMITS, type RuleSet } from '@assay/medallion'
import { looseFile } from './bounded-table.js'
import { type Derivation, type DerivedPiece, deriveSilver } from './derive-silver.js'
import { onlyRules } from './rule-history.js'

const PLACE = 'topic, "partition", "offset"'
/** The rows lie in one small file: it is the bytes of the records that limit a piece, not the width of its offsets. */
const LIMITS = { ...DEFAULT_LIMITS, maxRows: Number.MAX_SAFE_INTEGER }

/** Derives the records at some coordinates (a table of topic, partition and offset) by one rule set, whatever judged them first. */
export async function* deriveChosen(
  derivation: Omit<Derivation, 'ends' | 'history' | 'files' | 'limits'>,
  chosen: string,
  rules: RuleSet,
): AsyncGenerator<DerivedPiece> {
  const { bronze, lake, session } = derivation
  const path = `${await lake.store.scratchDirectory()}/${lake.random.uuid()}.parquet`
  const { definition } = bronze
  try {
    const { low, high, ends } = await boundsOf(session, chosen)
    if (ends.size === 0) return
    const rows = await bronze.sql({ keep: (bounds) => bounds.meets('offset', low, high) })
    const select = `SELECT * FROM (${rows}) WHERE "offset" BETWEEN ${low} AND ${high} AND (${PLACE}) IN (SELECT (${PLACE}) FROM ${chosen})
      ORDER BY ${PLACE}`
    await session.writeParquet({ select, path, fields: definition.columns.map(({ id, name }) => ({ id, name })) })
    const files = async () => [looseFile(path)]
    yield* deriveSilver({ ...derivation, ends, history: onlyRules(rules), files, limits: LIMITS })
  } finally {
    await rm(path, { force: true })
  }
}

async function boundsOf(
  session: Session,
  chosen: string,
): Promise<{ readonly low: bigint; readonly high: bigint; readonly ends: ReadonlyMap<LaneKey, Position> }> {
  const lanes = await session.rows(
    `SELECT topic, "partition", min("offset") AS low, max("offset") AS high FROM ${chosen} GROUP BY ALL`,
    1_000_000,
  )
  const ends = new Map<LaneKey, Position>()
  let low = 2n ** 63n - 1n
  let high = 0n
  for (const lane of lanes) {
    const key = laneKey({ topic: String(lane.topic), partition: Number(lane.partition) })
    if ((lane.low as bigint) < low) low = lane.low as bigint
    if ((lane.high as bigint) > high) high = lane.high as bigint
    ends.set(key, position((lane.high as bigint) + 1n))
  }
  return { low, high, ends }
}
