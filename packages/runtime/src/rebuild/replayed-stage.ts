import { AssayError, parseLaneKey, position } from '@assay/core'
import { quoteIdentifier, type Session } from '@assay/engine'
import type { Exchange } from '@assay/exchanges'
import type { DataFile } from '@assay/iceberg'
import {
  type Batch,
  RULE_SETS_TABLE,
  replayLane,
  SILVER_SIDES,
  type Stage,
  type StageContext,
  silverTable,
  writeRuleSets,
} from '@assay/medallion'
import type { Lake } from '../lake.js'
import type { PinnedScan } from '../verify/pinned-scan.js'
import { deriveChosen } from './derive-replayed.js'
import type { RuleHistory } from './rule-history.js'

export interface ReplayedSource {
  readonly lake: Lake
  readonly exchange: Exchange
  readonly bronze: PinnedScan
  readonly silver: PinnedScan
  readonly replays: PinnedScan
  readonly history: RuleHistory
}

/** The replays of one batch, those of one rule set, and the rows that become of them. */
const REPLAYED = 'rebuild_replayed'
const CHOSEN = 'rebuild_chosen'
const DERIVED = 'rebuild_derived'
const MARKS =
  'NULL::BOOLEAN AS is_late, NULL::BIGINT AS lateness_ms, r.replay_id AS replay_id, r.replay_sequence AS replay_sequence'

/**
 * Replayed rows anew: the letters that the old table says were replayed, in that order, each by the rule set of its
 * replay. What a correction by hand made of a letter is no matter of rules: such rows are taken over.
 */
export function replayedStage(context: StageContext, source: ReplayedSource): Stage {
  const definition = silverTable(source.exchange.name)
  const lane = replayLane(definition)
  const { session, limits } = context
  return {
    name: `replays-${source.exchange.name}`,
    main: definition,
    sides: SILVER_SIDES,
    async run(checkpoint) {
      const from = checkpoint.lanes.get(lane)?.position ?? 0n
      const end = source.silver.checkpoint.lanes.get(lane)?.position ?? 0n
      if (from >= end) return { kind: 'idle' }
      const upper = from + BigInt(limits.maxRows) < end ? from + BigInt(limits.maxRows) : end
      await deriveReplays(session, source, from, upper)
      const written = { sequence: 0, position: position(upper), written: upper - 1n }
      return {
        kind: 'batch',
        files: await writeDays(context, source),
        sides: await writeSpans(context, source, from, upper),
        change: { basis: checkpoint, lanes: new Map([[lane, written]]), wholeCheckpoint: false },
        rows: Number(upper - from),
        more: upper < end,
        counts: { records: Number(upper - from) },
        committed: () => undefined,
      }
    },
    forget: () => undefined,
    wait: async () => undefined,
  }
}

/** Fills the table of derived rows with the replays [from, upper). */
async function deriveReplays(session: Session, source: ReplayedSource, from: bigint, upper: bigint): Promise<void> {
  const { definition } = source.silver
  const names = definition.columns.map(({ name }) => quoteIdentifier(name)).join(', ')
  const rows = await source.silver.sql({
    keep: (bounds) => bounds.hasValues('replay_id') && bounds.meets('replay_sequence', from, upper - 1n),
  })
  const corrected = `SELECT replay_id FROM (${await source.replays.sql()}) WHERE fix IS NOT NULL`
  await session.run(`CREATE OR REPLACE TEMP TABLE ${REPLAYED} AS SELECT *, replay_id IN (${corrected}) AS is_corrected
    FROM (${rows}) WHERE replay_sequence >= ${from} AND replay_sequence < ${upper}`)
  await session.run(`CREATE OR REPLACE TEMP TABLE ${DERIVED} AS SELECT ${names} FROM ${REPLAYED} WHERE is_corrected`)
  for (const { rule_version } of await session.rows(
    `SELECT DISTINCT rule_version FROM ${REPLAYED} WHERE NOT is_corrected`,
  )) {
    const rules = source.history.sets.get(String(rule_version))
    if (!rules) throw unknownRules(String(rule_version))
    await session.run(`CREATE OR REPLACE TEMP TABLE ${CHOSEN} AS
      SELECT topic, "partition", "offset", replay_id, replay_sequence FROM ${REPLAYED}
      WHERE NOT is_corrected AND rule_version = '${rules.version}'`)
    for await (const piece of deriveChosen({ ...source, session }, CHOSEN, rules)) {
      if (piece.rows === undefined) continue
      await session.run(`INSERT INTO ${DERIVED} SELECT ${names} FROM (
        SELECT d.* EXCLUDE (is_late, lateness_ms, replay_id, replay_sequence), ${MARKS}
        FROM (${piece.rows}) d JOIN ${CHOSEN} r USING (topic, "partition", "offset"))`)
    }
  }
}

/** The ledger says of the lane of replays, too, from where on which rules judged it. */
async function writeSpans(
  context: StageContext,
  { history, silver }: ReplayedSource,
  from: bigint,
  upper: bigint,
): Promise<Batch['sides']> {
  const key = replayLane(silver.definition)
  const files: DataFile[] = []
  for (const span of history.spans.get(key) ?? []) {
    const rules = history.sets.get(span.version)
    if (!rules || span.from < from || span.from >= upper) continue
    const lanes = [{ lane: parseLaneKey(key), from: position(span.from) }]
    const sides = await writeRuleSets(context, silver.definition.name, rules, lanes)
    files.push(...sides.flatMap((side) => side.files))
  }
  return files.length > 0 ? [{ table: RULE_SETS_TABLE, files }] : []
}

async function writeDays({ session, write }: StageContext, { silver }: ReplayedSource): Promise<DataFile[]> {
  const files: DataFile[] = []
  const days = await session.rows(`SELECT DISTINCT trade_date::VARCHAR AS day FROM ${DERIVED} ORDER BY 1`)
  for (const { day } of days) {
    const select = `SELECT * FROM ${DERIVED} WHERE trade_date = DATE '${day}' ORDER BY replay_sequence`
    const file = await write(silver.definition, select, { trade_date: String(day) })
    if (file) files.push(file)
  }
  return files
}

function unknownRules(version: string): AssayError {
  return new AssayError(
    'rules_unknown',
    `letters were replayed by the rules ${version}, which no ledger of the lake holds`,
    {
      hint: 'rebuild with --rules present, which judges everything by the rules of today',
    },
  )
}
