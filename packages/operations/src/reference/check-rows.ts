import { parseTime_us, TIME_MEANS } from '@assay/core'
import type { Exchange } from '@assay/exchanges'
import { CURRENCY_NAME } from '@assay/exchanges'
import { REF_SYMBOLS_TABLE, type SymbolRow } from '@assay/medallion'
import { checkTimes, type PlacedRow } from './check-times.js'
import type { Mistakes } from './mistakes.js'
import type { FileRecord, FileRecords } from './read-records.js'

const COLUMNS: readonly string[] = REF_SYMBOLS_TABLE.columns.map(({ name }) => name)
const REQUIRED: readonly string[] = ['exchange', 'symbol', 'base', 'quote', 'valid_from']
/** A number that DECIMAL(28,10) holds as it is. */
const NUMBER = /^0*\d{1,18}(?:\.\d{1,10}0*)?$/
const NUMBER_MEANS = 'a number above 0 with at most 18 digits before the point and 10 behind it'
const TIER = /^[\p{L}\p{Nd}][\p{L}\p{Nd} ._-]{0,63}$/u

/**
 * The rows of a file, every one checked: names, numbers that are exact, times, and that no two of a symbol are true at
 * once. All that is wrong is noted, and then the rows are of no use.
 */
export function checkRows(
  { header, records }: FileRecords,
  exchanges: readonly Exchange[],
  mistakes: Mistakes,
): SymbolRow[] {
  const known = new Set(COLUMNS)
  if (header) noteUnknown(header.line, header.names, known, mistakes)
  const absent = header ? REQUIRED.filter((column) => !header.names.includes(column)) : []
  for (const column of absent) {
    mistakes.add({ line: header?.line ?? 1, column, expected: 'a column of that name' })
  }
  const required = REQUIRED.filter((column) => !absent.includes(column))
  const timed: PlacedRow[] = []
  const rows = records.map((record) => {
    noteUnknown(record.line, record.values.keys(), known, mistakes)
    const fields = new Fields({ record, required, exchanges, mistakes })
    const row = fields.row()
    if (absent.length === 0 && fields.hasTimes) timed.push({ line: record.line, row })
    return row
  })
  checkTimes(timed, mistakes)
  return rows
}

/** A column that the table lacks is told once, where it first stands. */
function noteUnknown(line: number, names: Iterable<string>, known: Set<string>, mistakes: Mistakes): void {
  for (const name of names) {
    if (known.has(name)) continue
    known.add(name)
    mistakes.add({ line, column: name, expected: `one of the columns ${COLUMNS.join(', ')}` })
  }
}

interface FieldsOf {
  readonly record: FileRecord
  /** Columns that have to have a value. */
  readonly required: readonly string[]
  readonly exchanges: readonly Exchange[]
  readonly mistakes: Mistakes
}

/** Takes the fields of one record; what is wrong is noted, and a stand-in given. */
class Fields {
  readonly #of: FieldsOf
  readonly #wrongColumns = new Set<string>()

  constructor(of: FieldsOf) {
    this.#of = of
  }

  /** Whether it says of which symbol the row is, and when it is true. */
  get hasTimes(): boolean {
    return ['exchange', 'symbol', 'valid_from', 'valid_to'].every((column) => !this.#wrongColumns.has(column))
  }

  row(): SymbolRow {
    const name = this.#text('exchange')
    const exchange = this.#of.exchanges.find((one) => one.name === name?.toLowerCase())
    if (name !== null && !exchange)
      this.#wrong('exchange', `one of ${this.#of.exchanges.map((one) => one.exchange).join(', ')}`)
    const symbol = this.#text('symbol')
    if (symbol !== null && exchange && !exchange.symbols.test(symbol)) this.#wrong('symbol', exchange.symbols.means)
    return {
      exchange: exchange?.exchange ?? '',
      symbol: symbol ?? '',
      base: this.#matching('base', CURRENCY_NAME, 'letters and digits, at most 32') ?? '',
      quote: this.#matching('quote', CURRENCY_NAME, 'letters and digits, at most 32') ?? '',
      tick_size: this.#number('tick_size'),
      lot_size: this.#number('lot_size'),
      tier: this.#matching('tier', TIER, 'letters and digits, with blanks, dots, _ or - behind the first, at most 64'),
      valid_from: this.#time('valid_from') ?? 0n,
      valid_to: this.#time('valid_to'),
    }
  }

  #text(column: string): string | null {
    const value = this.#of.record.values.get(column) ?? null
    if (value === null && this.#of.required.includes(column)) this.#wrong(column, 'a value')
    return value
  }

  #matching(column: string, pattern: RegExp, means: string): string | null {
    const value = this.#text(column)
    if (value === null || pattern.test(value)) return value
    this.#wrong(column, means)
    return null
  }

  #number(column: string): string | null {
    const value = this.#matching(column, NUMBER, NUMBER_MEANS)
    if (value === null || /[1-9]/.test(value)) return value
    this.#wrong(column, NUMBER_MEANS)
    return null
  }

  #time(column: string): bigint | null {
    const value = this.#text(column)
    const time_us = value === null ? null : parseTime_us(value)
    if (time_us !== undefined) return time_us
    this.#wrong(column, TIME_MEANS)
    return null
  }

  #wrong(column: string, expected: string): void {
    const { record, mistakes } = this.#of
    this.#wrongColumns.add(column)
    mistakes.add({ line: record.line, column, value: record.values.get(column) ?? null, expected })
  }
}
