import type { Session, TemporaryTable } from '@assay/engine'
import { type CheckList, Findings } from '../check.js'
import { addListed } from '../compare/compare.js'
import type { PinnedLake } from '../pinned/pin-lake.js'
import type { PinnedScan } from '../pinned/pinned-scan.js'

/** What names a row of each ledger; two of the same were written twice. */
const KEYS = {
  resolutions: ['topic', '"partition"', 'kafka_offset', 'resolution', "coalesce(replay_id, '')", 'resolved_at'],
  replays: ['replay_id', 'finished_at IS NULL'],
  ruleSets: ['table_name', 'topic', '"partition"', 'from_offset'],
  gaps: [
    'source',
    'topic',
    '"partition"',
    'from_offset',
    'to_offset',
    'accepted_at IS NULL',
    'coalesce(accepted_at, found_at)',
  ],
  duplicates: ['topic', '"partition"', '"offset"'],
} as const satisfies Partial<Record<keyof PinnedLake, readonly string[]>>

/** No row of a ledger is there twice. */
export async function checkLedgers(session: Session, tables: PinnedLake, checks: CheckList): Promise<void> {
  for (const [name, keys] of Object.entries(KEYS)) {
    const scan = tables[name as keyof typeof KEYS]
    await checkUnique(session, scan, keys, checks)
  }
}

async function checkUnique(
  session: Session,
  scan: PinnedScan,
  keys: readonly string[],
  checks: CheckList,
): Promise<void> {
  const findings = new Findings()
  const rows = await scan.sql()
  const text = keys.map((key) => `coalesce((${key})::VARCHAR, 'NULL')`).join(` || ' ' || `)
  const [counted] = await session.rows(`SELECT count(*) AS n FROM (${rows})`)
  await addListed(
    session,
    `SELECT ${text} || ' is there ' || count(*) || ' times' AS text FROM (${rows}) GROUP BY ${keys.join(', ')} HAVING count(*) > 1`,
    findings,
  )
  checks.done(
    { promise: 'A1', subject: scan.name, claim: 'no decision is written twice' },
    { rows: counted?.n as bigint },
    findings,
  )
}

/** What the ledger says that a replay took over is what silver has of it. */
export async function checkReplayCounts(
  session: Session,
  replayed: TemporaryTable,
  { replays }: PinnedLake,
  checks: CheckList,
): Promise<void> {
  const findings = new Findings()
  const ended = `SELECT * FROM (${await replays.sql()}) WHERE finished_at IS NOT NULL AND NOT coalesce(dry_run, false)`
  const rows = `SELECT replay_id, count(*) AS n FROM ${replayed.name} GROUP BY replay_id`
  await addListed(
    session,
    `SELECT 'replay ' || replay_id || ' says that ' || coalesce(passed::VARCHAR, 'NULL') || ' passed, silver has ' || coalesce(n, 0) AS text
     FROM (${ended}) LEFT JOIN (${rows}) USING (replay_id) WHERE passed IS DISTINCT FROM coalesce(n, 0)`,
    findings,
  )
  await addListed(
    session,
    `SELECT 'replay ' || replay_id || ' selected ' || coalesce(selected::VARCHAR, 'NULL') || ', but ' || coalesce(passed::VARCHAR, 'NULL')
       || ' passed and ' || coalesce(still_failing::VARCHAR, 'NULL') || ' still fail' AS text
     FROM (${ended}) WHERE selected IS DISTINCT FROM passed + still_failing`,
    findings,
  )
  await addListed(
    session,
    `SELECT 'replay ' || replay_id || ' has rows in silver, and is in no ledger' AS text
     FROM (${rows}) ANTI JOIN (${await replays.sql()}) USING (replay_id)`,
    findings,
  )
  const [counted] = await session.rows(`SELECT count(*) AS n, sum(passed) AS passed FROM (${ended})`)
  checks.done(
    { promise: 'D3', subject: replays.name, claim: 'what a replay says that it took over is in silver' },
    { replays: counted?.n as bigint, passed: BigInt(String(counted?.passed ?? 0)) },
    findings,
  )
}
