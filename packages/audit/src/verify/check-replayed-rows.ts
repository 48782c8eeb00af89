import { quoteText, type Session, type TemporaryTable } from '@assay/engine'
import type { Lake } from '@assay/lake'
import { pinExisting } from '@assay/lake'
import { RESOLUTIONS_TABLE } from '@assay/medallion'
import { replayLane, scanSql } from '@assay/pipeline'
import { type CheckList, Findings } from '../check.js'
import { addListed } from '../compare/compare.js'
import type { PinnedExchange, PinnedLake } from '../pinned/pin-lake.js'
import { PinnedScan } from '../pinned/pinned-scan.js'

const COORDINATES = 'topic, "partition", "offset"'
const AT = `topic || '/' || "partition" || '/' || "offset"`

/**
 * All replayed rows of silver, with the name of their table in `silver_table`. What they take beyond the engine's
 * memory is spilled.
 */
export async function loadReplayed(session: Session, exchanges: readonly PinnedExchange[]): Promise<TemporaryTable> {
  const parts = await Promise.all(exchanges.map(({ silver }) => replayedSql(silver)))
  return session.createTable('verify_replayed', parts.join(' UNION ALL '))
}

async function replayedSql(silver: PinnedScan): Promise<string> {
  const rows = await silver.sql({ keep: (bounds) => bounds.hasValues('replay_id') })
  return `SELECT ${quoteText(silver.name)} AS silver_table, * FROM (${rows}) WHERE replay_id IS NOT NULL`
}

/**
 * A dead letter is in silver by replay at most once, in the lane of replays without holes, and nowhere by its own lane.
 */
export async function checkReplayed(
  session: Session,
  replayed: TemporaryTable,
  exchange: PinnedExchange,
  checks: CheckList,
): Promise<void> {
  const { bronze, silver } = exchange
  const findings = new Findings()
  const own = `SELECT * FROM ${replayed.name} WHERE silver_table = ${quoteText(silver.name)}`
  const [counts] = await session.rows(
    `SELECT count(*) AS n, count(DISTINCT replay_sequence) AS positions, max(replay_sequence) AS greatest,
       min("offset") AS low, max("offset") AS high FROM (${own})`,
  )
  const position = silver.checkpoint.lanes.get(replayLane(silver.definition))?.position ?? 0n
  if (
    counts?.n !== position ||
    counts?.positions !== position ||
    (position > 0n && counts?.greatest !== position - 1n)
  ) {
    findings.add(
      `${counts?.n} rows at ${counts?.positions} positions of the lane of replays, which stands at ${position}`,
    )
  }
  if (counts?.n !== 0n) {
    const within = {
      keep: (b: { meets(c: string, l: bigint, h: bigint): boolean }) =>
        b.meets('offset', counts?.low as bigint, counts?.high as bigint),
    }
    const others = `SELECT ${COORDINATES} FROM (${await silver.sql(within)}) WHERE replay_id IS NULL`
    const raw = `SELECT ${COORDINATES} FROM (${await bronze.sql(within)})`
    await addListed(
      session,
      `SELECT ${AT} || ' was replayed more than once' AS text FROM (${own}) GROUP BY ${COORDINATES} HAVING count(*) > 1`,
      findings,
    )
    await addListed(
      session,
      `SELECT ${AT} || ' was replayed, but is valid by its own lane' AS text FROM (${own}) SEMI JOIN (${others}) USING (${COORDINATES})`,
      findings,
    )
    await addListed(
      session,
      `SELECT ${AT} || ' was replayed, but is not in bronze' AS text FROM (${own}) ANTI JOIN (${raw}) USING (${COORDINATES})`,
      findings,
    )
  }
  checks.done(
    { promise: 'D1', subject: silver.name, claim: 'every dead letter was replayed at most once' },
    { replayed: (counts?.n as bigint) ?? 0n, lane_position: position },
    findings,
  )
}

/** Every replayed row has its resolution, and every resolution `replayed` its row. */
export async function checkResolutions(
  lake: Lake,
  session: Session,
  replayed: TemporaryTable,
  tables: PinnedLake,
  checks: CheckList,
): Promise<void> {
  const findings = new Findings()
  const resolved = `SELECT topic, "partition", kafka_offset AS "offset", replay_id
    FROM (${await tables.resolutions.sql()}) WHERE resolution = 'replayed'`
  const rows = `SELECT ${COORDINATES}, replay_id FROM ${replayed.name}`
  const using = `USING (${COORDINATES}, replay_id)`
  await addListed(
    session,
    `SELECT ${AT} || ' was replayed and has no resolution that says so' AS text FROM (${rows}) ANTI JOIN (${resolved}) ${using}`,
    findings,
  )
  const late = await rowsOfLaterCommits(lake, tables)
  await addListed(
    session,
    `SELECT ${AT} || ' is resolved as replayed, but not in silver' AS text FROM (${resolved})
     ANTI JOIN (${rows} UNION ALL SELECT ${COORDINATES}, replay_id FROM (${late})) ${using}`,
    findings,
  )
  const [counts] = await session.rows(
    `SELECT (SELECT count(*) FROM (${resolved})) AS resolved, (SELECT count(*) FROM ${replayed.name}) AS replayed`,
  )
  checks.done(
    { promise: 'D1', subject: RESOLUTIONS_TABLE.name, claim: 'what is resolved as replayed is what was replayed' },
    { resolved: counts?.resolved as bigint, replayed: counts?.replayed as bigint },
    findings,
  )
}

/** Replayed rows of silver as it stands now: a replay that runs meanwhile commits after silver was pinned. */
async function rowsOfLaterCommits(lake: Lake, { exchanges }: PinnedLake): Promise<string> {
  const parts = await Promise.all(
    exchanges.map(async ({ silver }) => {
      const now = new PinnedScan(silver.definition, await pinExisting(lake, silver.definition))
      if (!now.pinned || now.pinned.sequence === silver.pinned?.sequence) return scanSql(silver.definition, [])
      const added = await now.sql({
        afterFileSequence: silver.pinned?.sequence ?? 0,
        keep: (bounds) => bounds.hasValues('replay_id'),
      })
      return `SELECT * FROM (${added}) WHERE replay_id IS NOT NULL`
    }),
  )
  return parts.map((part) => `(${part})`).join(' UNION ALL ')
}
