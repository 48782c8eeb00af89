import { type FindInGold, gather, sameTradeSql } from '@assay/deduplication'
import { columnOf, type Session } from '@assay/engine'
import { dateText, type LakeTable, type PinnedTable, scanSql } from '@assay/pipeline'

/** Gold as it was before the batch, and the engine that reads its files. */
export interface GoldFiles {
  readonly session: Session
  readonly gold: LakeTable
  readonly pinned: PinnedTable
}

/**
 * Finds the trades of rows without a trade number in gold. Their ids hold their timestamp, so that only the row's own
 * hour can hold the same trade.
 */
export function findInGold({ session, gold, pinned }: GoldFiles): FindInGold {
  return async (rows, positions) => {
    const found = new Set<number>()
    const partitions = new Set(positions.map((position) => hourPartition(rows.hours[position] as number)))
    const files = await gold.files(pinned, { keepPartition: (values) => partitions.has(filePartition(values)) })
    if (files.length === 0) return found
    const wanted = await session.load('gold_without_number', gather(rows, positions), positions.length)
    const chunks = session.read(`SELECT "position" FROM ${wanted.name} i WHERE EXISTS (
      SELECT 1 FROM (${scanSql(gold.definition, files)}) g WHERE ${sameTradeSql('g', 'i')})`)
    for await (const chunk of chunks)
      for (const position of columnOf(chunk, 'position', 'INTEGER').data.subarray(0, chunk.count)) found.add(position)
    return found
  }
}

/** An hour since 1970 as `2026-01-31 13`. */
export function hourPartition(hour: number): string {
  return `${dateText(Math.floor(hour / 24))} ${hour % 24}`
}

/** A gold file's partition in the same form. */
export function filePartition(values: Readonly<Record<string, unknown>>): string {
  return `${values.exchange_date} ${values.exchange_hour}`
}
