import { systemClock } from '@assay/core'
import type { AnswerStream } from '@assay/engine'
import { textOf } from '../encode/text.js'
import type { Channel } from './channel.js'

/** Time to count the rows that are not shown; what is left then is told as "more than". */
const COUNT_MS = 3_000
/** Greatest number of characters shown of one value. */
const CELL_CHARS_MAX = 1_000

/** Sends the first rows as texts and counts the others. */
export async function sendCells(
  { columns, chunks }: AnswerStream,
  rows_max: number,
  channel: Channel,
): Promise<{ readonly rows: bigint; readonly isAll: boolean; readonly bytes: number }> {
  let rows = 0
  let until_ms = Number.POSITIVE_INFINITY
  for await (const chunk of chunks()) {
    const shown = Math.max(0, Math.min(chunk.count, rows_max - rows))
    const cells = Array.from({ length: shown }, (_, row) =>
      columns.map(({ type }, i) => textOf(chunk.columns[i]?.[row] ?? null, type)?.slice(0, CELL_CHARS_MAX) ?? null),
    )
    if (shown > 0) await channel.send({ kind: 'cells', rows: cells })
    rows += chunk.count
    if (rows < rows_max) continue
    if (until_ms === Number.POSITIVE_INFINITY) until_ms = systemClock.monotonic_ms() + COUNT_MS
    if (rows > rows_max && systemClock.monotonic_ms() > until_ms) return { rows: BigInt(rows), isAll: false, bytes: 0 }
  }
  return { rows: BigInt(rows), isAll: true, bytes: 0 }
}
