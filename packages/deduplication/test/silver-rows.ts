import { type LaneKey, position, type RowColumn } from '@assay/core'
import type { LaneRows } from '@assay/pipeline'
import fc from 'fast-check'

export const HOUR_US = 3_600_000_000

export interface Row {
  readonly exchange: string
  readonly symbol: string
  readonly currency: string
  readonly id: bigint | null
  /** Tells rows without a number apart. */
  readonly fill: number
  readonly hour: number
  readonly price: number | null
  readonly quantity: number | null
  readonly side: string | null
}

/** The first value mostly: most copies of a trade are equal. */
function mostly<T>(value: T, ...others: T[]): fc.Arbitrary<T> {
  return fc.oneof({ weight: 8, arbitrary: fc.constant(value) }, { weight: 1, arbitrary: fc.constantFrom(...others) })
}

export const row: fc.Arbitrary<Row> = fc.record({
  exchange: fc.constantFrom('BINANCE', 'KRAKEN'),
  symbol: fc.constantFrom('BTCUSDT', 'é/∞', 'A'),
  currency: fc.constantFrom('USDT', 'USD'),
  id: fc.oneof(
    { weight: 8, arbitrary: fc.bigInt({ min: -2n, max: 8n }) },
    { weight: 1, arbitrary: fc.constantFrom(2n ** 53n - 1n, 2n ** 53n, 2n ** 53n + 1n, -(2n ** 63n), 2n ** 32n + 3n) },
    { weight: 2, arbitrary: fc.constant(null) },
  ),
  fill: fc.nat(2),
  hour: mostly(480_000, 480_001, 480_030),
  // Of two values each word of 32 bits may be the one that differs.
  price: mostly<number | null>(4096, 2 ** 32 + 4096, 2 ** 64 + 4096, 2 ** 92 + 2 ** 50, -1, null),
  quantity: mostly<number | null>(4096, 2 ** 64 + 4096, null),
  side: mostly<string | null>('BUY', 'SELL', null),
})

/** How columns come: few texts as a dictionary, or each row's own bytes; the same in all rows as a constant. */
export interface Shape {
  readonly texts: 'DICTIONARY' | 'VARCHAR'
  readonly oneExchange: boolean
  /** Topics of the lanes in turn; one of the same name for all unless given. */
  readonly topics?: readonly string[]
}

export const shape: fc.Arbitrary<Shape> = fc.record({
  texts: fc.constantFrom('DICTIONARY', 'VARCHAR'),
  oneExchange: fc.boolean(),
})
const lane = fc.array(row, { maxLength: 24, size: 'max' })
const batch = fc.tuple(fc.array(lane, { maxLength: 3, size: 'max' }), shape)
export const batches = fc.array(batch, { minLength: 2, maxLength: 4, size: 'max' })

function texts(values: readonly (string | null)[], how: Shape['texts']): RowColumn {
  if (how === 'DICTIONARY') {
    const dictionary = [...new Set(values)].filter((value) => value !== null)
    const known = new Map(dictionary.map((text, code) => [text, code]))
    return { type: 'DICTIONARY', codes: Int32Array.from(values, (v) => known.get(v ?? '') ?? -1), dictionary }
  }
  const bytes = values.map((value) => Buffer.from(value ?? ''))
  const ends = Uint32Array.from(bytes.map((_, i) => bytes.slice(0, i + 1).reduce((sum, one) => sum + one.length, 0)))
  return {
    type: 'VARCHAR',
    source: Buffer.concat(bytes),
    starts: Uint32Array.from(ends, (end, i) => end - (bytes[i]?.length ?? 0)),
    ends,
    nulls: Uint8Array.from(values, (value) => (value === null ? 1 : 0)),
  }
}

function decimals(values: readonly (number | null)[]): RowColumn {
  const longs = values.map((value) => BigInt(value ?? 0))
  const words = BigInt64Array.from(longs.flatMap((long) => [BigInt.asIntN(64, long), long >> 64n]))
  const nulls = Uint8Array.from(values, (value) => (value === null ? 1 : 0))
  return { type: 'DECIMAL', data: new Uint8Array(words.buffer), ...(nulls.includes(1) && { nulls }) }
}

/** The lanes of a batch in one set of columns; the second lane's rows lie before the first's. */
export function laneRows(lanes: readonly (readonly Row[])[], shapeOf: Shape, from: number): LaneRows[] {
  const topics = shapeOf.topics ?? ['trades']
  const order = lanes.map((_, lane) => lane).reverse()
  const rows = order.flatMap((lane) => (lanes[lane] ?? []).map((one, i) => ({ ...one, lane, at: from + i })))
  const sameExchange = shapeOf.oneExchange && new Set(rows.map(({ exchange }) => exchange)).size === 1
  const columns = new Map<string, RowColumn>([
    [
      'exchange',
      sameExchange
        ? { type: 'CONSTANT', of: 'VARCHAR', value: rows[0]?.exchange ?? '' }
        : texts(
            rows.map(({ exchange }) => exchange),
            shapeOf.texts,
          ),
    ],
    [
      'symbol',
      texts(
        rows.map(({ symbol }) => symbol),
        shapeOf.texts,
      ),
    ],
    [
      'currency',
      texts(
        rows.map(({ currency }) => currency),
        'DICTIONARY',
      ),
    ],
    [
      'trade_id',
      texts(
        rows.map((one) => `${one.exchange}-${one.id ?? `T${one.fill}-${one.hour}`}`),
        shapeOf.texts,
      ),
    ],
    [
      'side',
      texts(
        rows.map(({ side }) => side),
        shapeOf.texts,
      ),
    ],
    [
      'topic',
      topics.length === 1
        ? { type: 'CONSTANT', of: 'VARCHAR', value: topics[0] ?? '' }
        : texts(
            rows.map(({ lane }) => topics[lane % topics.length] ?? ''),
            'DICTIONARY',
          ),
    ],
    ['partition', { type: 'INTEGER', data: Int32Array.from(rows, ({ lane }) => lane) }],
    ['offset', { type: 'BIGINT', data: BigInt64Array.from(rows, ({ at }) => BigInt(at)) }],
    ['timestamp', { type: 'BIGINT', data: BigInt64Array.from(rows, ({ hour }) => BigInt(hour) * BigInt(HOUR_US)) }],
    [
      'source_sequence',
      {
        type: 'BIGINT',
        data: BigInt64Array.from(rows, ({ id }) => id ?? 7n),
        nulls: Uint8Array.from(rows, ({ id }) => (id === null ? 1 : 0)),
      },
    ],
    ['price', decimals(rows.map(({ price }) => price))],
    ['quantity', decimals(rows.map(({ quantity }) => quantity))],
  ])
  const offsets = BigInt64Array.from(rows, ({ at }) => BigInt(at))
  return lanes.map((own, lane) => ({
    key: `trades/${lane}` as LaneKey,
    from: position(from),
    upper: position(from + own.length),
    columns,
    offsets,
    rows: Uint32Array.from(rows.keys()).filter((i) => rows[i]?.lane === lane),
  }))
}
