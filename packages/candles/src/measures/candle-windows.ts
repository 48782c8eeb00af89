import { assignPanes, foldRows, type KeyedPanes } from '@assay/pipeline'
import { type Measures, measuresOfRows, mergeMeasures, noTrades, type RowMeasures, rowFold } from './measures.js'
import { CANDLE_SIZES, type CandleSize, MINUTE_US } from './sizes.js'
import type { TradeColumns } from './trade-columns.js'

/** A window of a key: the number of the key, and the window's number in its size. */
export interface KeyWindow {
  readonly key: number
  readonly size: CandleSize
  readonly n: number
}

/** Measures of one size: by the key's number, then the window's. */
type Windows = KeyedPanes<Measures>

/** Measures of every size, by the size's name. */
export type SizedWindows = ReadonlyMap<string, Windows>

export function emptyWindows(): SizedWindows {
  return new Map(CANDLE_SIZES.map(({ name }) => [name, new Map()]))
}

/** Rows of gold as panes of a minute. */
export function foldPanes(trades: TradeColumns, rows: Uint32Array, into: Windows): void {
  const panes = assignPanes(trades.times, rows, MINUTE_US)
  const keys = new Int32Array(rows.length)
  for (let k = 0; k < rows.length; k++) keys[k] = trades.keyAt(rows[k] as number)
  const folded: KeyedPanes<RowMeasures> = new Map()
  foldRows(rowFold(trades.reader), { rows, keys, panes }, folded)
  for (const [key, ofKey] of folded) {
    const known = into.get(key) ?? new Map<number, Measures>()
    into.set(key, known)
    for (const [pane, sums] of ofKey) {
      const measures = measuresOfRows(sums, trades.reader)
      const before = known.get(pane)
      known.set(pane, before ? mergeMeasures(before, measures) : measures)
    }
  }
}

/** The window of a size that holds the minute. */
export function windowOfPane(pane: number, { size_us }: CandleSize): number {
  return Math.floor(pane / Number(size_us / MINUTE_US))
}

export function endOf({ size, n }: Pick<KeyWindow, 'size' | 'n'>): bigint {
  return BigInt(n + 1) * size.size_us
}

export function startOf({ size, n }: Pick<KeyWindow, 'size' | 'n'>): bigint {
  return BigInt(n) * size.size_us
}

/** Merges panes into the windows of every size that `wants`. */
export function mergeInto(panes: Windows, into: SizedWindows, wants: (window: KeyWindow) => boolean): void {
  for (const [key, ofKey] of panes) {
    for (const [pane, measures] of ofKey) {
      for (const size of CANDLE_SIZES) {
        const n = windowOfPane(pane, size)
        if (!wants({ key, size, n })) continue
        const windows = into.get(size.name) as Windows
        const known = windows.get(key)
        if (known) known.set(n, mergeMeasures(known.get(n) ?? noTrades(), measures))
        else windows.set(key, new Map([[n, mergeMeasures(noTrades(), measures)]]))
      }
    }
  }
}

export function* windowsIn(windows: SizedWindows): Generator<KeyWindow & { readonly measures: Measures }> {
  for (const size of CANDLE_SIZES) {
    for (const [key, ofKey] of windows.get(size.name) ?? []) {
      for (const [n, measures] of ofKey) yield { key, size, n, measures }
    }
  }
}
