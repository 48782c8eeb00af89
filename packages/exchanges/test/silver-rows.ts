import type { RowColumns } from '@assay/core'
import { rowOf } from './rows.js'

/** The values that silver has of the columns' rows; decimals as texts with ten decimals. */
export function silverRows(columns: RowColumns, count: number): Record<string, unknown>[] {
  return Array.from({ length: count }, (_, row) => {
    const cells = rowOf(columns, row)
    return { ...cells, price: decimalText(cells.price), quantity: decimalText(cells.quantity) }
  })
}

function decimalText(unscaled: unknown): string | null {
  if (typeof unscaled !== 'bigint') return null
  const digits = String(unscaled < 0n ? -unscaled : unscaled).padStart(11, '0')
  return `${unscaled < 0n ? '-' : ''}${digits.slice(0, -10)}.${digits.slice(-10)}`
}
