import { currentSchema, type DataFile, decodeValue, planFiles, primitiveOf } from '@assay/iceberg'
import type { ExistingTable } from '../loaded-tables.js'

/** A data file with rows since a moment. */
interface RecentFile {
  readonly file: DataFile
  /** Values of the file's partition by column name. */
  readonly partition: Readonly<Record<string, unknown>>
  /** The part of its rows that are since then, by the bounds of the column: 1 unless the file spans the moment. */
  readonly part: number
}

/** Files with rows whose time, in a column of the type timestamptz, is since the given one. No data file is opened. */
export async function filesSince(
  { table, pinned }: ExistingTable,
  column: string,
  since_ms: number,
): Promise<RecentFile[]> {
  const { version } = pinned
  const schema = currentSchema(version.metadata)
  const columnId = schema.fields.find(({ name }) => name === column)?.id
  const type = columnId === undefined ? undefined : primitiveOf(schema, columnId)
  if (columnId === undefined || type === undefined) return []
  const since_us = BigInt(Math.floor(since_ms)) * 1000n
  const bound = (bounds: DataFile['lowerBounds']): bigint | undefined => {
    const bytes = bounds?.get(columnId)
    const value = bytes && decodeValue(type, bytes)
    return typeof value === 'bigint' ? value : undefined
  }
  const planned = await planFiles(table.table, version, { ranges: [{ columnId, from: since_us }] })
  return planned.map((one) => {
    const [lower, upper] = [bound(one.file.lowerBounds), bound(one.file.upperBounds)]
    const partition = { ...table.partitionOf(version, one) }
    return { file: one.file, partition, part: partSince(lower, upper, since_us) }
  })
}

/** Of rows that are spread evenly between the bounds; none where these are not known. */
function partSince(lower: bigint | undefined, upper: bigint | undefined, since: bigint): number {
  if (lower === undefined || upper === undefined || upper < since) return 0
  return lower >= since ? 1 : Number(upper - since) / Number(upper - lower)
}

/** Rows of a file in which a column is null; all of them where the file doesn't say. */
export function nullsOf({ pinned }: ExistingTable, { nullCounts, recordCount }: DataFile, column: string): number {
  const { fields } = currentSchema(pinned.version.metadata)
  const id = fields.find(({ name }) => name === column)?.id
  return (id === undefined ? undefined : nullCounts?.get(id)) ?? recordCount
}
