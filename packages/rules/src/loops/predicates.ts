import { numberAt, type RowColumns, wordsOf } from '@assay/core'
import { columnNamed, fixedColumn } from './cells.js'
import { filledMask, presentMask, textMask } from './masks.js'

/** The rows that are looked at. */
export interface RowList {
  readonly rows: Uint32Array
  /** True where they are all rows, in order. */
  readonly isEvery: boolean
}

/** Puts `mark` at `broken[k]` where row `rows[k]` does not hold the predicate: where it is false or NULL. */
type PredicateLoop = (columns: RowColumns, list: RowList, broken: Uint16Array, mark: number) => void

/** The loop that means the same as a predicate's text; undefined for a text that only the engine can evaluate. */
export function predicateLoop(predicate: string): PredicateLoop | undefined {
  return LOOPS.get(predicate)
}

const STATUSES_OF_FRAMES = [1, 2, 3, 4, 5, 6]

const LOOPS: ReadonlyMap<string, PredicateLoop> = new Map([
  ...STATUSES_OF_FRAMES.map((status) => [`frame_status <> ${status}`, isNot('frame_status', status)] as const),
  ["event_type = 'trade'", isOneOf('event_type', ['trade'])],
  ["symbol_status <> 1 AND (symbol <> '' OR symbol_status <> 0)", isSymbolPresent],
  ['symbol_status <> 2', isNot('symbol_status', 2)],
  ['currency IS NOT NULL OR symbol IS NULL', isCurrencyKnown],
  ...['price', 'quantity'].flatMap((name) => [
    ...[1, 2, 3].map((status) => [`${name}_status <> ${status}`, isNot(`${name}_status`, status)] as const),
    [`${name}_status <> 0 OR ${name} > 0`, isPositive(name)] as const,
  ]),
  ['event_time_status NOT IN (1, 2)', isNot('event_time_status', 1, 2)],
  ['event_time_status <> 3 AND kafka_us IS NOT NULL', isTimeInRange],
  [
    'event_time_us IS NULL OR kafka_us IS NULL OR event_time_us <= kafka_us + 5000000',
    isTimeWithin('after', 5_000_000),
  ],
  [
    'event_time_us IS NULL OR kafka_us IS NULL OR event_time_us >= kafka_us - 31536000000000',
    isTimeWithin('before', 31_536_000_000_000),
  ],
  ["side IN ('BUY', 'SELL')", isOneOf('side', ['BUY', 'SELL'])],
  ['missing_fields IS NULL', isAbsent('missing_fields')],
  ["trade_id <> '' OR symbol IS NULL", isTradeIdPresent],
  ['message_id IS NOT NULL', isPresent('message_id')],
  ["asset_class = 'crypto'", isOneOf('asset_class', ['crypto'])],
])

/** A status that is none of these. */
function isNot(name: string, status: number, other = status): PredicateLoop {
  return (columns, { rows, isEvery }, broken, mark) => {
    const { data, nulls } = fixedColumn(columns, name, 'UTINYINT')
    if (isEvery) {
      for (const wrong of new Set([status, other])) markEach(data, wrong, broken, mark)
      if (nulls) markEach(nulls, 1, broken, mark)
      return
    }
    for (let k = 0; k < rows.length; k++) {
      const row = rows[k] as number
      const found = data[row] as number
      if (found === status || found === other || nulls?.[row] === 1) broken[k] = mark
    }
  }
}

/** A text that is one of these. */
function isOneOf(name: string, texts: readonly string[]): PredicateLoop {
  return (columns, { rows }, broken, mark) =>
    markUnset(
      textMask(columnNamed(columns, name), rows, (text) => texts.includes(text)),
      broken,
      mark,
    )
}

function isPresent(name: string): PredicateLoop {
  return (columns, { rows }, broken, mark) => markUnset(presentMask(columnNamed(columns, name), rows), broken, mark)
}

function isAbsent(name: string): PredicateLoop {
  return (columns, { rows }, broken, mark) => {
    const present = presentMask(columnNamed(columns, name), rows)
    for (let k = 0; k < present.length; k++) if (present[k] === 1) broken[k] = mark
  }
}

function isSymbolPresent(columns: RowColumns, { rows }: RowList, broken: Uint16Array, mark: number): void {
  const { data, nulls } = fixedColumn(columns, 'symbol_status', 'UTINYINT')
  const filled = filledMask(columnNamed(columns, 'symbol'), rows)
  for (let k = 0; k < rows.length; k++) {
    const row = rows[k] as number
    const status = data[row] as number
    if (status === 1 || (status === 0 && filled[k] !== 1) || nulls?.[row] === 1) broken[k] = mark
  }
}

function isCurrencyKnown(columns: RowColumns, { rows }: RowList, broken: Uint16Array, mark: number): void {
  const symbol = presentMask(columnNamed(columns, 'symbol'), rows)
  const currency = presentMask(columnNamed(columns, 'currency'), rows)
  for (let k = 0; k < rows.length; k++) if (symbol[k] === 1 && currency[k] !== 1) broken[k] = mark
}

function isTradeIdPresent(columns: RowColumns, { rows }: RowList, broken: Uint16Array, mark: number): void {
  const symbol = presentMask(columnNamed(columns, 'symbol'), rows)
  const tradeId = filledMask(columnNamed(columns, 'trade_id'), rows)
  for (let k = 0; k < rows.length; k++) if (symbol[k] === 1 && tradeId[k] !== 1) broken[k] = mark
}

/** A number that is greater than 0, or could not be read as one. */
function isPositive(name: string): PredicateLoop {
  return (columns, { rows }, broken, mark) => {
    const { data, nulls } = fixedColumn(columns, name, 'DECIMAL')
    const status = fixedColumn(columns, `${name}_status`, 'UTINYINT')
    const words = new Int32Array(data.buffer, data.byteOffset, data.length >> 2)
    for (let k = 0; k < rows.length; k++) {
      const row = rows[k] as number
      const at = 4 * row
      const high = words[at + 3] as number
      const isAboveZero =
        high >= 0 && ((words[at] as number) | (words[at + 1] as number) | (words[at + 2] as number) | high) !== 0
      if (isAboveZero && nulls?.[row] !== 1) continue
      if (status.nulls?.[row] === 1 || status.data[row] === 0) broken[k] = mark
    }
  }
}

function isTimeInRange(columns: RowColumns, { rows }: RowList, broken: Uint16Array, mark: number): void {
  const { data, nulls } = fixedColumn(columns, 'event_time_status', 'UTINYINT')
  const kafka = fixedColumn(columns, 'kafka_us', 'BIGINT')
  for (let k = 0; k < rows.length; k++) {
    const row = rows[k] as number
    if (data[row] === 3 || nulls?.[row] === 1 || kafka.nulls?.[row] === 1) broken[k] = mark
  }
}

const EXACT_MAX = 2 ** 53
const LONG_MAX = 2n ** 63n - 1n
const LONG_MIN = -(2n ** 63n)

/** An event time that lies no further `after`, or `before`, the Kafka timestamp than so many µs. */
function isTimeWithin(side: 'after' | 'before', limit_us: number): PredicateLoop {
  const sign = side === 'after' ? 1 : -1
  return (columns, { rows }, broken, mark) => {
    const event = fixedColumn(columns, 'event_time_us', 'BIGINT')
    const kafka = fixedColumn(columns, 'kafka_us', 'BIGINT')
    const eventWords = wordsOf(event.data)
    const kafkaWords = wordsOf(kafka.data)
    for (let k = 0; k < rows.length; k++) {
      const row = rows[k] as number
      const event_us = numberAt(eventWords, row)
      const kafka_us = numberAt(kafkaWords, row)
      const isExact = Math.abs(event_us) < EXACT_MAX && Math.abs(kafka_us) + limit_us < EXACT_MAX
      if (isExact && sign * (event_us - kafka_us) <= limit_us) continue
      const isEitherNull = event.nulls?.[row] === 1 || kafka.nulls?.[row] === 1
      if (
        isExact ? isEitherNull : holdsExactly(event.data[row], kafka.data[row], BigInt(sign * limit_us), isEitherNull)
      )
        continue
      broken[k] = mark
    }
  }
}

/** The same for numbers that doubles don't hold; what overflows is no number, so that nothing holds for it. */
function holdsExactly(
  event_us: bigint | undefined,
  kafka_us: bigint | undefined,
  limit_us: bigint,
  isEitherNull: boolean,
): boolean {
  if (isEitherNull || event_us === undefined || kafka_us === undefined) return true
  const bound_us = kafka_us + limit_us
  if (bound_us > LONG_MAX || bound_us < LONG_MIN) return false
  return limit_us > 0n ? event_us <= bound_us : event_us >= bound_us
}

/** Marks each place of the value, which few have: the search for it is much faster than a loop. */
function markEach(data: Uint8Array, value: number, broken: Uint16Array, mark: number): void {
  for (let row = data.indexOf(value); row >= 0; row = data.indexOf(value, row + 1)) broken[row] = mark
}

function markUnset(mask: Uint8Array, broken: Uint16Array, mark: number): void {
  for (let k = 0; k < mask.length; k++) if (mask[k] !== 1) broken[k] = mark
}
