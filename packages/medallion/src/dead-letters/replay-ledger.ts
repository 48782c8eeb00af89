import { quoteText } from '@assay/engine'
import type { DataFile } from '@assay/iceberg'
import type { SideFiles, StageContext } from '@assay/pipeline'
import { timestampLiteral } from '@assay/pipeline'
import type { DeadLetterFilter } from '../silver/dead-letter-filter.js'
import { REPLAYS_TABLE, RESOLUTIONS_TABLE, type Resolution } from '../silver/dead-letter-tables.js'

/** What the ledger says of a replay, whatever comes of it. */
export interface ReplayEntry {
  readonly replay_id: string
  readonly started_ms: number
  readonly source_table: string
  readonly target_table: string
  readonly filter: DeadLetterFilter
  readonly rule_version: string
  /** The corrections as they were applied. */
  readonly fix: string | undefined
}

export interface ReplayCounts {
  readonly selected: number
  readonly passed: number
  readonly still_failing: number
}

/** The ledger's row of a replay that ended, or without counts of one that began. */
export async function writeReplay(
  { clock, write }: StageContext,
  entry: ReplayEntry,
  counts: ReplayCounts | undefined,
): Promise<SideFiles[]> {
  const { source_table, target_table, filter } = entry
  const json = JSON.stringify({
    source_table,
    target_table,
    date_range: filter.dates,
    error_types: filter.errorTypes,
    ...(filter.rejectedSince_ms !== undefined && { rejected_since: new Date(filter.rejectedSince_ms).toISOString() }),
  })
  const count = (value: number | undefined): string => `${value ?? 'NULL'}::BIGINT`
  const file = await write(
    REPLAYS_TABLE,
    `SELECT ${quoteText(entry.replay_id)} AS replay_id, ${timestampLiteral(entry.started_ms)} AS started_at,
      ${counts ? timestampLiteral(clock.now_ms()) : 'NULL::TIMESTAMPTZ'} AS finished_at, ${quoteText(json)} AS "filter",
      ${quoteText(entry.rule_version)} AS rule_version, ${count(counts?.selected)} AS selected,
      ${count(counts?.passed)} AS passed, ${count(counts?.still_failing)} AS still_failing, false AS dry_run,
      ${entry.fix === undefined ? 'NULL::VARCHAR' : quoteText(entry.fix)} AS fix`,
    {},
  )
  return sideOf(REPLAYS_TABLE, file)
}

/** One resolution for each dead letter of a query that gives topic, partition and kafka_offset. */
export async function writeResolutions(
  { write }: Pick<StageContext, 'write'>,
  deadLetters: string,
  what: {
    readonly resolution: Resolution
    readonly at_ms: number
    readonly replay_id?: string
    readonly note?: string
  },
): Promise<SideFiles[]> {
  const text = (value: string | undefined): string => (value === undefined ? 'NULL::VARCHAR' : quoteText(value))
  const file = await write(
    RESOLUTIONS_TABLE,
    `SELECT topic, "partition", kafka_offset, ${quoteText(what.resolution)} AS resolution,
      ${text(what.replay_id)} AS replay_id, ${text(what.note)} AS note, ${timestampLiteral(what.at_ms)} AS resolved_at
      FROM (${deadLetters}) ORDER BY ALL`,
    {},
  )
  return sideOf(RESOLUTIONS_TABLE, file)
}

function sideOf(table: SideFiles['table'], file: DataFile | undefined): SideFiles[] {
  return file ? [{ table, files: [file] }] : []
}
