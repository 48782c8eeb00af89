import { parseLaneKey, position } from '@assay/core'
import { quoteIdentifier, type Session, type TemporaryTable } from '@assay/engine'
import type { Exchange } from '@assay/exchanges'
import type { DataFile } from '@assay/iceberg'
import { RULE_SETS_TABLE, SILVER_SIDES, silverTable, writeRuleSets } from '@assay/medallion'
import { type Batch, replayLane, type Stage, type StageContext, scanSql, type TableDefinition } from '@assay/pipeline'
import type { Tally } from '../compare/compare.js'
import type { ReplayedPiece } from '../derive/derive-replayed.js'
import type { RuleHistory } from '../derive/rule-history.js'
import type { ReplayedRows } from './replayed-rows.js'

const MARKS = `NULL::BOOLEAN AS is_late, NULL::BIGINT AS lateness_ms, r.replay_id AS replay_id,
  r.replay_sequence AS replay_sequence, 'replay' AS origin, r.replay_id AS origin_id`

/**
 * The lane of replays of an exchange's silver table anew, in its order; rows, and those that could be derived, are
 * counted.
 */
export function replayedStage(context: StageContext, exchange: Exchange, replayed: ReplayedRows, tally: Tally): Stage {
  const definition = silverTable(exchange.name)
  const lane = replayLane(definition)
  const { session, limits } = context
  return {
    name: `replays-${exchange.name}`,
    main: definition,
    sides: SILVER_SIDES,
    async run(checkpoint) {
      const from = checkpoint.lanes.get(lane)?.position ?? 0n
      const end = await replayed.end(session)
      if (from >= end) return { kind: 'idle' }
      const upper = from + BigInt(limits.maxRows) < end ? from + BigInt(limits.maxRows) : end
      const derived = await loadDerived(session, definition, replayed.derive(session, from, upper))
      const written = { sequence: 0, position: position(upper), written: upper - 1n }
      return {
        kind: 'batch',
        files: await writeDays(context, definition, derived.table),
        sides: await writeSpans(context, definition, replayed.history, from, upper),
        change: { basis: checkpoint, lanes: new Map([[lane, written]]), wholeCheckpoint: false },
        rows: Number(upper - from),
        more: upper < end,
        counts: { records: Number(upper - from) },
        committed: () => {
          tally.expected += upper - from
          tally.found += derived.count
        },
      }
    },
    forget: () => undefined,
    wait: async () => undefined,
  }
}

/** Brings the derived rows together, and counts them. */
async function loadDerived(
  session: Session,
  definition: TableDefinition,
  pieces: AsyncIterable<ReplayedPiece>,
): Promise<{ readonly table: TemporaryTable; readonly count: bigint }> {
  const names = definition.columns.map(({ name }) => quoteIdentifier(name)).join(', ')
  const table = await session.createTable('rebuild_derived', scanSql(definition, []))
  for await (const { rows, recorded } of pieces) {
    if (rows === undefined) continue
    await session.run(`INSERT INTO ${table.name} SELECT ${names} FROM (
      SELECT d.* EXCLUDE (is_late, lateness_ms, replay_id, replay_sequence, origin, origin_id), ${MARKS}
      FROM (${rows}) d JOIN (${recorded}) r USING (topic, "partition", "offset"))`)
  }
  const [counts] = await session.rows(`SELECT count(*) AS n FROM ${table.name}`)
  return { table, count: counts?.n as bigint }
}

/** The ledger says of the lane of replays, too, from where on which rules judged it. */
async function writeSpans(
  context: StageContext,
  definition: TableDefinition,
  { spans, sets }: RuleHistory,
  from: bigint,
  upper: bigint,
): Promise<Batch['sides']> {
  const key = replayLane(definition)
  const files: DataFile[] = []
  for (const span of spans.get(key) ?? []) {
    const rules = sets.get(span.version)
    if (!rules || span.from < from || span.from >= upper) continue
    const lanes = [{ lane: parseLaneKey(key), from: position(span.from) }]
    const sides = await writeRuleSets(context, definition.name, rules, lanes)
    files.push(...sides.flatMap((side) => side.files))
  }
  return files.length > 0 ? [{ table: RULE_SETS_TABLE, files }] : []
}

async function writeDays(
  { session, write }: StageContext,
  definition: TableDefinition,
  derived: TemporaryTable,
): Promise<DataFile[]> {
  const files: DataFile[] = []
  const days = await session.rows(`SELECT DISTINCT trade_date::VARCHAR AS day FROM ${derived.name} ORDER BY 1`)
  for (const { day } of days) {
    const select = `SELECT * FROM ${derived.name} WHERE trade_date = DATE '${day}' ORDER BY replay_sequence`
    const file = await write(definition, select, { trade_date: String(day) })
    if (file) files.push(file)
  }
  return files
}
