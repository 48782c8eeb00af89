import type { RowColumn, RowColumns } from '@assay/core'
import { loadableRows, quoteIdentifier, type Session, type TemporaryTable } from '@assay/engine'
import { type ColumnDefinition, sqlType } from './definition.js'
import type { RowPart } from './row-source.js'

/** Brings rows into the engine, part after part, as a view with the columns of the definition. */
export async function loadParts(
  session: Session,
  name: string,
  definitions: readonly ColumnDefinition[],
  [first, ...others]: readonly [RowPart, ...RowPart[]],
): Promise<TemporaryTable> {
  const { columns, select } = loadable(definitions, first)
  const loaded = await session.load(`${name}_loaded`, columns, first.rows.length)
  for (const part of others) await session.append(loaded, loadable(definitions, part).columns, part.rows.length)
  const typed = definitions.map(({ name: column, type }) => {
    const quoted = quoteIdentifier(column)
    return `CAST(${quoted} AS ${sqlType(type)}) AS ${quoted}`
  })
  return session.createView(name, `SELECT ${typed.join(', ')} FROM (${select(loaded.name)})`)
}

function loadable(
  definitions: readonly ColumnDefinition[],
  { columns, rows }: RowPart,
): ReturnType<typeof loadableRows> {
  const chosen: RowColumns = new Map(definitions.map(({ name }) => [name, gathered(columns.get(name), rows, name)]))
  return loadableRows(chosen, rows.length)
}

/** The column's values in these rows. */
function gathered(column: RowColumn | undefined, rows: Uint32Array, name: string): RowColumn {
  if (!column) throw new RangeError(`the rows have no column ${name}`)
  switch (column.type) {
    case 'CONSTANT':
      return column
    case 'DICTIONARY':
    case 'LIST':
      return { ...column, codes: gather(column.codes, rows, new Int32Array(rows.length)) }
    case 'VARCHAR':
    case 'BLOB':
      return {
        ...column,
        starts: gather(column.starts, rows, new Uint32Array(rows.length)),
        ends: gather(column.ends, rows, new Uint32Array(rows.length)),
        ...nullsOf(column.nulls, rows),
      }
    case 'DECIMAL':
    case 'UUID':
      return { ...column, data: gather16(column.data, rows), ...nullsOf(column.nulls, rows) }
    default:
      return {
        ...column,
        data: gather<Numbers>(column.data, rows, emptyLike(column.data, rows.length)),
        ...nullsOf(column.nulls, rows),
      } as RowColumn
  }
}

type Numbers = BigInt64Array | Int32Array | Uint32Array | Float64Array | Uint8Array

function emptyLike(data: Numbers, length: number): Numbers {
  return new (data.constructor as new (length: number) => Numbers)(length)
}

function gather<Data extends Numbers>(data: Data, rows: Uint32Array, out: Data): Data {
  for (let i = 0; i < rows.length; i++) out[i] = data[rows[i] as number] as number
  return out
}

function gather16(data: Uint8Array, rows: Uint32Array): Uint8Array {
  const out = new Uint8Array(16 * rows.length)
  for (let i = 0; i < rows.length; i++) {
    const at = 16 * (rows[i] as number)
    out.set(data.subarray(at, at + 16), 16 * i)
  }
  return out
}

function nullsOf(nulls: Uint8Array | undefined, rows: Uint32Array): { nulls?: Uint8Array } {
  return nulls ? { nulls: gather(nulls, rows, new Uint8Array(rows.length)) } : {}
}
