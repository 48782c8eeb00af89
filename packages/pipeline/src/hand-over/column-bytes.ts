import type { RowColumn } from '@assay/core'
import type { LaneRows } from './lane-rows.js'

/** About what the rows hold in memory: each buffer counts once, with all of it, since none of it can be freed alone. */
export function columnBytes(lanes: readonly LaneRows[]): number {
  const buffers = new Set<ArrayBufferLike>()
  let texts = 0
  for (const columns of new Set(lanes.map((lane) => lane.columns))) {
    for (const column of columns.values()) {
      for (const array of arraysOf(column)) buffers.add(array.buffer)
      if ('dictionary' in column) texts += textsIn(column.dictionary)
    }
  }
  for (const { offsets, rows } of lanes) {
    buffers.add(offsets.buffer)
    buffers.add(rows.buffer)
  }
  let bytes = texts
  for (const buffer of buffers) bytes += buffer.byteLength
  return bytes
}

function arraysOf(column: RowColumn): readonly ArrayBufferView[] {
  switch (column.type) {
    case 'CONSTANT':
      return []
    case 'DICTIONARY':
    case 'LIST':
      return [column.codes]
    case 'VARCHAR':
    case 'BLOB':
      return [column.source, column.starts, column.ends, ...(column.nulls ? [column.nulls] : [])]
    default:
      return [column.data, ...(column.nulls ? [column.nulls] : [])]
  }
}

function textsIn(dictionary: readonly (string | readonly (string | null)[])[]): number {
  let bytes = 0
  for (const entry of dictionary) bytes += 2 * (typeof entry === 'string' ? entry.length : entry.join('').length)
  return bytes
}
