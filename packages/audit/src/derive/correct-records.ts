import { type BytesColumn, bytesColumn, rowBytes } from '@assay/core'
import { columnOf, quoteIdentifier, type Session, type TemporaryTable } from '@assay/engine'
import { type Exchange, readerSchemaOf } from '@assay/exchanges'
import { type Correction, correctRecords, decoderLookup } from '@assay/medallion'
import { DEFAULT_LIMITS } from '@assay/pipeline'
import type { RuleSet } from '@assay/rules'
import type { SchemaRegistry } from '@assay/schema-registry'
import type { Findings } from '../check.js'
import type { PinnedScan } from '../pinned/pinned-scan.js'

interface CorrectionParts {
  readonly session: Session
  readonly exchange: Exchange
  /** The registry that the records in bronze were written by. */
  readonly registry: SchemaRegistry
  readonly bronze: PinnedScan
  readonly correction: Correction
  /** How the replay's rules have records decoded. */
  readonly decoding: RuleSet['decoding']
}

/** What a row takes beside its bytes, so that the count of a piece's rows is bounded, too. */
const ROW_BYTES = 100
const PIECES_MAX = 1_000_000

/**
 * SQL of bronze's records (SQL of their rows) with the corrections in their bytes, by way of temporary tables. What
 * can't be corrected is told and left out. Memory is that of a batch.
 */
export async function correctedSql(parts: CorrectionParts, records: string, findings: Findings): Promise<string> {
  const { session, exchange, registry, bronze, decoding } = parts
  const table = await session.createTable(
    'corrected_records',
    `SELECT *, (row_number() OVER lane - 1)::INTEGER AS rn,
    (sum(coalesce(octet_length(raw_bytes), 0) + ${ROW_BYTES}) OVER lane // ${DEFAULT_LIMITS.maxBytes})::BIGINT AS piece
    FROM (${records}) WINDOW lane AS (ORDER BY topic, "partition", "offset" ROWS UNBOUNDED PRECEDING)`,
  )
  const lookup = decoderLookup(registry, readerSchemaOf(exchange), decoding)
  const bytes = await session.load('corrected_bytes', columnsOf(0, bytesColumn([])), 0)
  let first = 0
  for (const { piece } of await session.rows(`SELECT DISTINCT piece FROM ${table.name} ORDER BY 1`, PIECES_MAX)) {
    const read = await readPiece(session, table, piece as bigint)
    const named = read.coordinates.map((coordinate) => parts.correction.deadLetters.has(coordinate))
    const { raw, mistakes } = await correctRecords(read, parts.correction, exchange, lookup)
    findings.add(...mistakes)
    findings.add(...read.coordinates.filter((_, row) => !named[row]).map((at) => `${at}: it has no correction`))
    await session.append(bytes, columnsOf(first, without(raw, named)), named.length)
    first += named.length
  }
  const columns = bronze.definition.columns.map(({ name }) =>
    name === 'raw_bytes' ? 'c.raw_bytes' : `r.${quoteIdentifier(name)}`,
  )
  return `SELECT ${columns.join(', ')} FROM ${table.name} r JOIN ${bytes.name} c USING (rn) WHERE c.raw_bytes IS NOT NULL`
}

async function readPiece(
  session: Session,
  table: TemporaryTable,
  piece: bigint,
): Promise<{ readonly coordinates: readonly string[]; readonly raw: BytesColumn }> {
  const coordinates: string[] = []
  const records: (Uint8Array | undefined)[] = []
  const text = new TextDecoder()
  for await (const chunk of session.read(`SELECT topic || '/' || "partition" || '/' || "offset" AS coordinate, raw_bytes
    FROM ${table.name} WHERE piece = ${piece} ORDER BY rn`)) {
    const texts = columnOf(chunk, 'coordinate', 'VARCHAR')
    const raws = columnOf(chunk, 'raw_bytes', 'BLOB')
    for (let i = 0; i < chunk.count; i++) {
      coordinates.push(text.decode(rowBytes(texts, i)))
      records.push(rowBytes(raws, i))
    }
  }
  return { coordinates, raw: bytesColumn(records) }
}

/** The column with nulls for rows that are not kept. */
function without(column: BytesColumn, kept: readonly boolean[]): BytesColumn {
  return { ...column, nulls: Uint8Array.from(kept, (isKept, row) => (isKept && !column.nulls?.[row] ? 0 : 1)) }
}

/** Rows numbered from `first` on. */
function columnsOf(first: number, { data, offsets, nulls }: BytesColumn) {
  const count = offsets.length - 1
  const [starts, ends] = [offsets.subarray(0, count), offsets.subarray(1)]
  return [
    { name: 'rn', column: { type: 'INTEGER', data: Int32Array.from({ length: count }, (_, row) => first + row) } },
    { name: 'raw_bytes', column: { type: 'BLOB', source: data, starts, ends, ...(nulls && { nulls }) } },
  ] as const
}
