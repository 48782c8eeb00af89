import type { SymbolRow } from '@assay/medallion'
import type { Mistakes } from './mistakes.js'

/** A row, and the line of its file that it stands in. */
export interface PlacedRow {
  readonly line: number
  readonly row: SymbolRow
}

/** Notes rows that are true for no time, and those that are true while another of the same symbol is. */
export function checkTimes(rows: readonly PlacedRow[], mistakes: Mistakes): void {
  const symbols = new Map<string, PlacedRow[]>()
  for (const placed of rows) {
    const { exchange, symbol, valid_from, valid_to } = placed.row
    if (valid_to !== null && valid_from >= valid_to) {
      const expected = `a time behind valid_from, ${timeText(valid_from)}`
      mistakes.add({ line: placed.line, column: 'valid_to', value: timeText(valid_to), expected })
      continue
    }
    const key = `${exchange}/${symbol}`
    const known = symbols.get(key)
    if (known) known.push(placed)
    else symbols.set(key, [placed])
  }
  for (const [key, ofSymbol] of symbols) noteOverlaps(key, ofSymbol, mistakes)
}

function noteOverlaps(key: string, rows: readonly PlacedRow[], mistakes: Mistakes): void {
  const [first, ...others] = [...rows].sort((a, b) => compare(a.row.valid_from, b.row.valid_from) || a.line - b.line)
  if (!first) return
  let last = first
  for (const placed of others) {
    const { valid_from } = placed.row
    const end = last.row.valid_to
    if (end === null || valid_from < end) {
      const until = end === null ? 'with no end' : `to ${timeText(end)}`
      const expected = `a time at which no other row of ${key} is true; line ${last.line} is from ${timeText(last.row.valid_from)} ${until}`
      mistakes.add({ line: placed.line, column: 'valid_from', value: timeText(valid_from), expected })
    }
    if (end !== null && (placed.row.valid_to === null || placed.row.valid_to > end)) last = placed
  }
}

function compare(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** As a file may have it, to the microsecond where it has that. */
function timeText(time_us: bigint): string {
  const [whole = ''] = new Date(Number(time_us / 1000n)).toISOString().split('.')
  const decimals = (time_us % 1_000_000n).toString().padStart(6, '0').replace(/0+$/, '')
  return `${whole}${decimals === '' ? '' : `.${decimals}`}Z`
}
