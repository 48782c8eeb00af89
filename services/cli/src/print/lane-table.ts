import { fitsAsItIs, type PrintedColumn, tableText } from './table.js'

/**
 * A table in which lanes are named. Where there is no room for it as it is, what all their names begin with is said once,
 * above it.
 */
export function laneTable(
  columns: readonly PrintedColumn[],
  lanes: readonly string[],
  rowsBy: (name: (lane: string) => string) => readonly (readonly string[])[],
  width: number,
): string {
  const rows = rowsBy((lane) => lane)
  const prefix = commonPrefix(lanes)
  const heads = columns.map(({ head }) => head)
  if (prefix === '' || fitsAsItIs(heads, rows, width)) return tableText(columns, rows, width)
  const short = rowsBy((lane) => `…${lane.slice(prefix.length)}`)
  const table = tableText(columns, short, width)
  // The column of the lanes may have been left out.
  return table.includes('…') ? `lanes: ${prefix}…\n${table}` : table
}

/** What the names of all topics begin with, up to a dot. */
function commonPrefix([first = '', ...others]: readonly string[]): string {
  let prefix = first.slice(0, first.lastIndexOf('/'))
  for (const other of others) while (!other.startsWith(prefix)) prefix = prefix.slice(0, -1)
  return prefix.slice(0, prefix.lastIndexOf('.') + 1)
}
