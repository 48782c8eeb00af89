import type { RowColumn, RowColumns } from '@assay/core'
import { type Decisions, type KeptRows, namedColumn, rowsByTime, type TradeBlock } from '@assay/deduplication'
import type { DataFile } from '@assay/iceberg'
import { dateText, type RowPart, type StageContext, timestampColumn } from '@assay/pipeline'
import { DUPLICATES_TABLE, GOLD_TABLE } from './gold-tables.js'

/** The columns that gold takes from silver as they are. */
export const SILVER_COLUMNS: readonly string[] = GOLD_TABLE.columns
  .map(({ name }) => name)
  .filter((name) => !['gold_ingestion_timestamp', 'exchange_date', 'exchange_hour'].includes(name))

/** The columns of the table of duplicates that are the duplicate's own in silver. */
const DUPLICATE_COLUMNS = ['exchange', 'symbol', 'trade_id', 'topic', 'partition', 'offset', 'kafka_timestamp']

const HOURS_A_DAY = 24

/** Writes the new trades, a file for each hour. */
export async function writeNew(context: StageContext, decisions: Decisions): Promise<DataFile[]> {
  const now = timestampColumn(context.clock.now_ms())
  const columns = new Map<TradeBlock, RowColumns>()
  const files: DataFile[] = []
  for (const [hour, found] of rowsByTime(decisions, 1, true)) {
    const day = Math.floor(hour / HOURS_A_DAY)
    const ofDay = hour % HOURS_A_DAY
    const parts = found.map(({ block, rows }): RowPart => {
      const silver = columns.get(block) ?? picked(block, SILVER_COLUMNS)
      columns.set(block, silver)
      return {
        columns: new Map([
          ...silver,
          ['gold_ingestion_timestamp', now],
          ['exchange_date', { type: 'CONSTANT', of: 'DATE', value: day }],
          ['exchange_hour', { type: 'CONSTANT', of: 'INTEGER', value: ofDay }],
        ]),
        rows,
      }
    })
    const file = await context.write(GOLD_TABLE, parts, { exchange_date: dateText(day), exchange_hour: ofDay })
    if (file) files.push(file)
  }
  return files
}

/** Writes the rows whose trade gold had already, a file for each day. */
export async function writeDuplicates(
  context: StageContext,
  decisions: Decisions,
  kept: KeptRows,
): Promise<DataFile[]> {
  const days = [...rowsByTime(decisions, HOURS_A_DAY, false)].sort(([a], [b]) => a - b)
  const files: DataFile[] = []
  for (const [day, found] of days) {
    const parts = found.map(
      ({ block, rows }): RowPart => ({
        columns: new Map([
          ...picked(block, DUPLICATE_COLUMNS),
          ...kept.columns(block),
          ['exchange_date', { type: 'CONSTANT', of: 'DATE', value: day }],
        ]),
        rows,
      }),
    )
    const file = await context.write(DUPLICATES_TABLE, parts, { exchange_date: dateText(day) })
    if (file) files.push(file)
  }
  return files
}

function picked({ columns }: TradeBlock, names: readonly string[]): Map<string, RowColumn> {
  return new Map(names.map((name) => [name, namedColumn(columns, name)]))
}
