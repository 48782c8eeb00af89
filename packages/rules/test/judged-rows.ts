import type { RowColumn, RowColumns } from '@assay/core'

/** What rules look at in a row. Decimals are unscaled. */
export interface JudgedRow {
  readonly frame_status: number | null
  readonly schema_id: number | null
  readonly value_bytes: number | null
  readonly frame_detail: string | null
  readonly missing_fields: string | null
  readonly event_type: string | null
  readonly symbol: string | null
  readonly symbol_status: number | null
  readonly symbol_text: string | null
  readonly currency: string | null
  readonly price: bigint | null
  readonly price_status: number | null
  readonly price_text: string | null
  readonly quantity: bigint | null
  readonly quantity_status: number | null
  readonly quantity_text: string | null
  readonly event_time_us: bigint | null
  readonly event_time_status: number | null
  readonly event_time_text: string | null
  readonly kafka_us: bigint | null
  readonly side: string | null
  readonly side_text: string | null
  readonly trade_id: string | null
  readonly message_id: bigint | null
  readonly asset_class: string | null
}

/** A row that breaks no rule. */
export const VALID_ROW: JudgedRow = {
  frame_status: 0,
  schema_id: 1,
  value_bytes: 60,
  frame_detail: null,
  missing_fields: null,
  event_type: 'trade',
  symbol: 'BTCUSDT',
  symbol_status: 0,
  symbol_text: null,
  currency: 'USDT',
  price: 10n ** 10n,
  price_status: 0,
  price_text: null,
  quantity: 10n ** 10n,
  quantity_status: 0,
  quantity_text: null,
  event_time_us: 1_000_000n,
  event_time_status: 0,
  event_time_text: null,
  kafka_us: 1_000_000n,
  side: 'BUY',
  side_text: null,
  trade_id: 'T-1',
  message_id: 7n,
  asset_class: 'crypto',
}

/** What lies where a value is null: nobody may look at it. */
const JUNK = { number: 9, text: 'junk' } as const

/** Ways to hold a column of texts; the first where one needs the same text in all rows and they differ. */
export const TEXT_FORMS = ['spans', 'dictionary', 'constant'] as const
export type TextForm = (typeof TEXT_FORMS)[number]

export function judgedColumns(rows: readonly JudgedRow[], form: (name: string) => TextForm): RowColumns {
  const of = <Name extends keyof JudgedRow>(name: Name): JudgedRow[Name][] => rows.map((row) => row[name])
  const text = (name: keyof JudgedRow): readonly [string, RowColumn] => [
    name,
    textColumn(of(name) as (string | null)[], form(name)),
  ]
  const status = (name: keyof JudgedRow): readonly [string, RowColumn] => [
    name,
    {
      type: 'UTINYINT',
      data: Uint8Array.from(of(name) as (number | null)[], (x) => x ?? JUNK.number),
      nulls: nullsOf(of(name)),
    },
  ]
  const int = (name: keyof JudgedRow): readonly [string, RowColumn] => [
    name,
    {
      type: 'INTEGER',
      data: Int32Array.from(of(name) as (number | null)[], (x) => x ?? JUNK.number),
      nulls: nullsOf(of(name)),
    },
  ]
  const long = (name: keyof JudgedRow): readonly [string, RowColumn] => [
    name,
    {
      type: 'BIGINT',
      data: BigInt64Array.from(of(name) as (bigint | null)[], (x) => x ?? BigInt(JUNK.number)),
      nulls: nullsOf(of(name)),
    },
  ]
  const wide = (name: keyof JudgedRow, type: 'DECIMAL' | 'UUID'): readonly [string, RowColumn] => [
    name,
    { type, data: wideData(of(name) as (bigint | null)[]), nulls: nullsOf(of(name)) },
  ]
  return new Map<string, RowColumn>([
    ...(['frame_status', 'symbol_status', 'price_status', 'quantity_status', 'event_time_status'] as const).map(status),
    ...(['schema_id', 'value_bytes'] as const).map(int),
    ...(['event_time_us', 'kafka_us'] as const).map(long),
    wide('price', 'DECIMAL'),
    wide('quantity', 'DECIMAL'),
    wide('message_id', 'UUID'),
    ...(['frame_detail', 'missing_fields', 'event_type', 'symbol', 'symbol_text', 'currency'] as const).map(text),
    ...(['price_text', 'quantity_text', 'event_time_text', 'side', 'side_text'] as const).map(text),
    ...(['trade_id', 'asset_class'] as const).map(text),
  ])
}

function nullsOf(values: readonly unknown[]): Uint8Array {
  return Uint8Array.from(values, (value) => (value === null ? 1 : 0))
}

function wideData(values: readonly (bigint | null)[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(16 * values.length))
  for (const [row, value] of values.entries()) {
    const held = value ?? BigInt(JUNK.number)
    view.setBigUint64(16 * row, BigInt.asUintN(64, held), true)
    view.setBigInt64(16 * row + 8, held >> 64n, true)
  }
  return new Uint8Array(view.buffer)
}

function textColumn(values: readonly (string | null)[], form: TextForm): RowColumn {
  const dictionary = [...new Set(values)].filter((value) => value !== null)
  if (form === 'constant' && new Set(values).size === 1)
    return { type: 'CONSTANT', of: 'VARCHAR', value: values[0] ?? null }
  if (form === 'dictionary') {
    const codes = Int32Array.from(values, (value) => (value === null ? -1 : dictionary.indexOf(value)))
    return { type: 'DICTIONARY', codes, dictionary }
  }
  const texts = values.map((value) => Buffer.from(value ?? JUNK.text))
  let at = 0
  const ends = Uint32Array.from(texts, ({ length }) => {
    at += length
    return at
  })
  const starts = Uint32Array.from(ends, (end, row) => end - (texts[row]?.length ?? 0))
  return { type: 'VARCHAR', source: Buffer.concat(texts), starts, ends, nulls: nullsOf(values) }
}
