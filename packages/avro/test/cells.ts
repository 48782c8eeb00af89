import { type ColumnDecoder, compileColumnDecoder, type DecodedColumns, newDecodedColumns } from '../src/index.js'

export interface SchemaField {
  readonly name: string
  readonly type: unknown
  readonly default?: unknown
  readonly aliases?: readonly string[]
}

export function recordSchema(fields: readonly SchemaField[], name = 'Row'): string {
  return JSON.stringify({ type: 'record', name, fields })
}

/** A cell as a plain value: bigint, number, boolean, bytes as latin1 text, null. */
export function cell(columns: DecodedColumns, name: string, row: number): unknown {
  const field = columns.fields[name]
  if (!field) throw new Error(`no field ${name}`)
  if (field.nulls[row] === 1) return null
  switch (field.kind) {
    case 'span':
      return Buffer.from(columns.source.subarray(field.starts[row], field.ends[row])).toString('latin1')
    case 'boolean':
      return field.data[row] === 1
    default:
      return field.data[row]
  }
}

export interface Decoded {
  readonly ok: boolean
  readonly cell: (name: string) => unknown
  readonly columns: DecodedColumns
}

/** Decodes one body that lies between other bytes, which no decoder may look at. */
export function decodeOne(writer: string, reader: string, body: Uint8Array, around = 0x02): Decoded {
  return decodeWith(compileColumnDecoder(writer, reader), reader, body, around)
}

export function decodeWith(decoder: ColumnDecoder, reader: string, body: Uint8Array, around: number): Decoded {
  const source = new Uint8Array(body.length + 40).fill(around)
  source.set(body, 20)
  const columns = newDecodedColumns(reader, source, 1)
  const ok = decoder.decode(source, 20, 20 + body.length, 0, columns)
  return { ok, cell: (name) => cell(columns, name, 0), columns }
}

/** Every cell of the only row. */
export function allCells({ columns }: Decoded): unknown[] {
  return Object.keys(columns.fields).map((name) => cell(columns, name, 0))
}

/** A zigzag varint. */
export function long(value: bigint | number): number[] {
  let rest = BigInt.asUintN(64, (BigInt(value) << 1n) ^ (BigInt(value) >> 63n))
  const bytes: number[] = []
  while (rest >= 0x80n) {
    bytes.push(Number(rest & 0x7fn) | 0x80)
    rest >>= 7n
  }
  return [...bytes, Number(rest)]
}

export function text(value: string): number[] {
  const bytes = Buffer.from(value)
  return [...long(bytes.length), ...bytes]
}
