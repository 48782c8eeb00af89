import type { NamedColumn } from '@assay/core'
import type { Session, TemporaryTable } from '@assay/engine'
import type { DataFile } from '@assay/iceberg'
import type { StageContext } from '@assay/pipeline'
import { scanSql, timestampLiteral } from '@assay/pipeline'
import type { DedupResult, GoldBatch } from './find-duplicates.js'
import { type IdGap, idGapChanges } from './keys/id-gaps.js'
import { IntervalSet } from './keys/interval-set.js'
import type { KeySet, StagedKeys } from './keys/key-set.js'
import { TRADE_GAPS_TABLE } from './trade-gaps-table.js'
import { SYMBOL_KEY_EXCHANGE_SQL, SYMBOL_KEY_SQL, SYMBOL_KEY_SYMBOL_SQL } from './trade-key.js'

/**
 * Trades outside of the batch whose times are looked up; where there are more, a hostile feed, the times stay unknown.
 */
const LOOKUPS_MAX = 1_000

interface Change extends IdGap {
  readonly symbolKey: string
  readonly change: 'opened' | 'closed'
}

/** Writes what the batch's new trades change in the gaps of their symbols. */
export async function writeTradeGaps(
  context: StageContext,
  batch: GoldBatch,
  result: DedupResult,
  keys: KeySet,
): Promise<DataFile[]> {
  const found = changesOf(keys, result.staged)
  if (found.length === 0) return []
  const { session } = context
  const changes = await session.load('gold_gap_changes', columnsOf(found), found.length)
  const times = await findTimes(session, batch, result.duplicateRows, changes)
  const now = timestampLiteral(context.clock.now_ms())
  const time = (id: string): string =>
    `(SELECT make_timestamptz(t.us) FROM ${times.name} t WHERE t.symbol_key = c.symbol_key AND t.id = ${id} AND c.change = 'opened')`
  const file = await context.write(
    TRADE_GAPS_TABLE,
    `SELECT ${SYMBOL_KEY_EXCHANGE_SQL} AS exchange, ${SYMBOL_KEY_SYMBOL_SQL} AS symbol, from_id, to_id, change,
      ${time('c.from_id - 1')} AS after_time, ${time('c.to_id')} AS before_time, ${now} AS found_at
      FROM ${changes.name} c ORDER BY symbol_key, from_id, change`,
    {},
  )
  return file ? [file] : []
}

function changesOf(keys: KeySet, staged: StagedKeys): Change[] {
  const changes: Change[] = []
  for (const [symbolKey, runs] of staged.runs()) {
    const { opened, closed } = idGapChanges(keys.symbols.get(symbolKey)?.intervals ?? new IntervalSet(), runs)
    for (const gap of closed) changes.push({ symbolKey, change: 'closed', ...gap })
    for (const gap of opened) changes.push({ symbolKey, change: 'opened', ...gap })
  }
  return changes
}

function columnsOf(changes: readonly Change[]): NamedColumn[] {
  const symbolKeys = [...new Set(changes.map(({ symbolKey }) => symbolKey))]
  const codes = new Map(symbolKeys.map((symbolKey, code) => [symbolKey, code]))
  return [
    {
      name: 'symbol_key',
      column: {
        type: 'DICTIONARY',
        codes: Int32Array.from(changes, ({ symbolKey }) => codes.get(symbolKey) ?? 0),
        dictionary: symbolKeys,
      },
    },
    { name: 'from_id', column: { type: 'BIGINT', data: BigInt64Array.from(changes, ({ from }) => BigInt(from)) } },
    { name: 'to_id', column: { type: 'BIGINT', data: BigInt64Array.from(changes, ({ to }) => BigInt(to)) } },
    {
      name: 'change',
      column: {
        type: 'DICTIONARY',
        codes: Int32Array.from(changes, ({ change }) => (change === 'opened' ? 0 : 1)),
        dictionary: ['opened', 'closed'],
      },
    },
  ]
}

/** Event times of the trades on both sides of the opened gaps: from the batch, else from gold. */
async function findTimes(
  session: Session,
  { input, gold, pinned }: GoldBatch,
  duplicateRows: TemporaryTable,
  changes: TemporaryTable,
): Promise<TemporaryTable> {
  const sides = `(SELECT symbol_key, unnest([from_id - 1, to_id]) AS id FROM ${changes.name} WHERE change = 'opened')`
  const found = (rows: string, wanted: string): string => `SELECT symbol_key, id, any_value("timestamp") AS us
    FROM (SELECT ${SYMBOL_KEY_SQL} AS symbol_key, source_sequence AS id, "timestamp" FROM ${rows}) g
    SEMI JOIN ${wanted} s USING (symbol_key, id) GROUP BY symbol_key, id`
  const kept = `(SELECT * FROM ${input.name} WHERE (lane_rank, lane_offset) NOT IN (SELECT (lane_rank, lane_offset) FROM ${duplicateRows.name}))`
  const times = await session.createTable('gold_gap_times', found(kept, sides))
  const open = `(SELECT DISTINCT symbol_key, id FROM ${sides} ANTI JOIN ${times.name} USING (symbol_key, id))`
  const [row] = await session.rows(`SELECT count(*) AS n, min(id) AS low, max(id) AS high FROM ${open}`)
  const count = Number(row?.n)
  if (count === 0 || count > LOOKUPS_MAX) return times
  const files = await gold.files(pinned, {
    keep: (bounds) => bounds.meets('source_sequence', row?.low as bigint, row?.high as bigint),
  })
  const ids = (await session.rows(`SELECT DISTINCT id FROM ${open}`)).map(({ id }) => id as bigint)
  const rows = `(SELECT * FROM (${scanSql(gold.definition, files)}) WHERE source_sequence IN (${ids.join(', ')}))`
  // Gold may have the batch's own trades already, by a rival's commit that this batch is going to lose to.
  await session.run(`INSERT INTO ${times.name} ${found(rows, open)}`)
  return times
}
