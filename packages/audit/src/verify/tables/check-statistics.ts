import { quoteIdentifier, quoteText, type Session } from '@assay/engine'
import {
  compareValues,
  currentSchema,
  decodeValue,
  type PartitionSpec,
  type PlannedFile,
  type PrimitiveType,
  type TableMetadata,
  type Value,
} from '@assay/iceberg'
import { sqlTypeOf } from '@assay/pipeline'
import { type CheckList, Findings } from '../../check.js'
import type { PinnedScan } from '../../pinned/pinned-scan.js'

/** Files whose rows one statement goes through. */
const FILES_AT_ONCE = 64

/** A column of the table that has statistics of its own. */
interface Column {
  readonly id: number
  readonly name: string
  readonly type: PrimitiveType
}

/** What the rows of one file are like in a column. */
interface Measured {
  readonly nulls: number
  readonly least: Value | null
  readonly greatest: Value | null
}

/**
 * Partition values, bounds and counts of nulls in the manifests agree with the rows (A12). Every reader leaves files
 * out by them: a wrong one loses rows without a word.
 */
export async function checkStatistics(session: Session, scan: PinnedScan, checks: CheckList): Promise<void> {
  const { table, pinned } = scan
  if (!table || !pinned) return
  const { metadata } = pinned.version
  const columns = columnsOf(metadata)
  const findings = new Findings()
  const planned = await scan.plan()
  let rows = 0
  for (let i = 0; i < planned.length; i += FILES_AT_ONCE) {
    const files = planned.slice(i, i + FILES_AT_ONCE)
    const paths = await Promise.all(files.map(async (file) => (await table.scanFile(file)).path))
    const measured = await measure(session, columns, paths)
    for (const [at, planned] of files.entries()) {
      const found = measured.get(paths[at] as string)
      if (!found) continue
      rows += found.rows
      const wrong = [
        ...wrongStatistics(columns, planned, found),
        ...wrongPartition(metadata, columns, planned, found.columns),
      ]
      findings.add(...wrong.map((text) => `${planned.key}: ${text}`))
    }
  }
  checks.done(
    { promise: 'A12', subject: scan.name, claim: 'partition values, bounds and counts are true of the rows' },
    { files: planned.length, rows, columns: columns.length },
    findings,
  )
}

function columnsOf(metadata: TableMetadata): Column[] {
  return currentSchema(metadata).fields.flatMap(({ id, name, type }) =>
    typeof type === 'string' && sqlTypeOf(type) !== undefined ? [{ id, name, type }] : [],
  )
}

interface MeasuredFile {
  readonly rows: number
  readonly columns: ReadonlyMap<number, Measured>
}

/** Goes through the rows of files, deleted ones included: statistics are of the file as it is. */
async function measure(
  session: Session,
  columns: readonly Column[],
  paths: readonly string[],
): Promise<ReadonlyMap<string, MeasuredFile>> {
  if (paths.length === 0) return new Map()
  const fields = columns.map(
    ({ id, type }) => `${id}: {name: 'c${id}', type: ${quoteText(sqlTypeOf(type) ?? '')}, default_value: NULL}`,
  )
  const sums = columns.flatMap(({ id }) => [
    `count(c${id}) AS n${id}`,
    `min(c${id}) AS l${id}`,
    `max(c${id}) AS g${id}`,
  ])
  const rows = await session.rows(
    `SELECT ${quoteIdentifier('filename')} AS path, count(*) AS n, ${sums.join(', ')}
     FROM read_parquet([${paths.map(quoteText).join(', ')}], schema = MAP {${fields.join(', ')}}, filename = true)
     GROUP BY ALL`,
  )
  return new Map(
    rows.map((row) => {
      const count = Number(row.n)
      const found = columns.map(({ id, type }): [number, Measured] => [
        id,
        {
          nulls: count - Number(row[`n${id}`]),
          least: boundValue(type, row[`l${id}`]),
          greatest: boundValue(type, row[`g${id}`]),
        },
      ])
      return [String(row.path), { rows: count, columns: new Map(found) }]
    }),
  )
}

/** A value as the engine gives it, in the form that bounds are decoded to. */
function boundValue(type: PrimitiveType, value: unknown): Value | null {
  if (value === null || value === undefined) return null
  if (type.startsWith('decimal') && typeof value === 'string') return BigInt(value.replace('.', ''))
  if (type === 'long' && typeof value === 'number') return BigInt(value)
  if ((type === 'int' || type === 'date') && typeof value === 'bigint') return Number(value)
  return value as Value
}

function wrongStatistics(columns: readonly Column[], { file }: PlannedFile, found: MeasuredFile): string[] {
  return columns.flatMap(({ id, name, type }) => {
    const { nulls, least, greatest } = found.columns.get(id) as Measured
    const wrong: string[] = []
    const counted = file.nullCounts?.get(id)
    if (counted !== undefined && counted !== nulls) wrong.push(`${name} is null in ${nulls} rows, not ${counted}`)
    const values = file.valueCounts?.get(id)
    if (values !== undefined && values !== found.rows) wrong.push(`${name} has ${found.rows} values, not ${values}`)
    const lower = boundOf(type, file.lowerBounds?.get(id))
    const upper = boundOf(type, file.upperBounds?.get(id))
    if (least !== null && lower !== undefined && compareValues(lower, least) > 0) {
      wrong.push(`${name} begins at ${shown(least)}, below its lower bound ${shown(lower)}`)
    }
    if (greatest !== null && upper !== undefined && compareValues(upper, greatest) < 0) {
      wrong.push(`${name} ends at ${shown(greatest)}, above its upper bound ${shown(upper)}`)
    }
    return wrong
  })
}

function boundOf(type: PrimitiveType, bytes: Uint8Array | undefined): Value | undefined {
  return bytes && decodeValue(type, bytes)
}

/** A file of an identity partition has that one value in all of its rows. */
function wrongPartition(
  metadata: TableMetadata,
  columns: readonly Column[],
  { file }: PlannedFile,
  found: ReadonlyMap<number, Measured>,
): string[] {
  const spec: PartitionSpec | undefined = metadata.partitionSpecs.find(({ specId }) => specId === file.specId)
  if (!spec) return [`its partition spec ${file.specId} is none of the table's`]
  return spec.fields.flatMap(({ sourceId, transform, name }, i) => {
    const measured = found.get(sourceId)
    if (transform !== 'identity' || !measured || !columns.some(({ id }) => id === sourceId)) return []
    const value = file.partition[i] ?? null
    const { least, greatest, nulls } = measured
    const isTrue =
      value === null
        ? least === null
        : nulls === 0 && least !== null && greatest !== null && isSame(value, least) && isSame(value, greatest)
    return isTrue
      ? []
      : [`its partition says ${name} = ${shown(value)}, its rows ${shown(least)} to ${shown(greatest)}`]
  })
}

function isSame(a: Value, b: Value): boolean {
  return typeof a === typeof b ? compareValues(a, b) === 0 : String(a) === String(b)
}

const TEXT_MAX = 40

function shown(value: Value | null): string {
  if (value === null) return 'null'
  return value instanceof Uint8Array
    ? Buffer.from(value.subarray(0, TEXT_MAX)).toString('hex')
    : String(value).slice(0, TEXT_MAX)
}
