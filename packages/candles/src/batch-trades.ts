import { type LaneKey, parseLaneKey, type RowColumns } from '@assay/core'
import { namedColumn, textAt } from '@assay/deduplication'
import { firstOpenWindow, isReplayLane, type KeyedPanes, type LaneRows } from '@assay/pipeline'
import { nameOf } from './gold-windows.js'
import { endOf, foldPanes, type KeyWindow, startOf, windowOfPane } from './measures/candle-windows.js'
import type { Measures } from './measures/measures.js'
import { CANDLE_SIZES, type CandleSize, MINUTE_US, PANE } from './measures/sizes.js'
import { type CandleKeys, type TradeColumns, tradeColumns } from './measures/trade-columns.js'
import type { LateTrade, RevisionCause } from './tables/candle-row.js'

/** What a batch brought of each lane, as trades; lanes may share columns. */
export interface LaneTrades {
  readonly lane: LaneRows
  readonly trades: TradeColumns
}

export function laneTrades(lanes: readonly LaneRows[], keys: CandleKeys): LaneTrades[] {
  const read = new Map<LaneRows['columns'], TradeColumns>()
  return lanes.map((lane) => {
    const trades = read.get(lane.columns) ?? tradeColumns(lane.columns, lane.offsets.length, keys)
    read.set(lane.columns, trades)
    return { lane, trades }
  })
}

export function panesOf(lanes: readonly LaneTrades[]): KeyedPanes<Measures> {
  const panes: KeyedPanes<Measures> = new Map()
  for (const { lane, trades } of lanes) foldPanes(trades, lane.rows, panes)
  return panes
}

/** Trades of a batch whose window was closed before. */
export interface LateOutcome {
  readonly late: readonly LateTrade[]
  /** By the name of the window: what changed it. */
  readonly causes: ReadonlyMap<string, { readonly window: KeyWindow; readonly cause: RevisionCause }>
}

/** Looks for trades in windows that the watermarks had closed; most batches have none. */
export function lateTrades(
  lanes: readonly LaneTrades[],
  keys: CandleKeys,
  watermarks: ReadonlyMap<string, bigint>,
): LateOutcome {
  const late: LateTrade[] = []
  const causes = new Map<string, { window: KeyWindow; cause: RevisionCause & { added: number } }>()
  for (const { lane, trades } of lanes) {
    const firstOpen = new Map<number, number>()
    for (let k = 0; k < lane.rows.length; k++) {
      const row = lane.rows[k] as number
      const key = trades.keyAt(row)
      let open = firstOpen.get(key)
      if (open === undefined) {
        open = firstOpenTime(watermarks.get(keys.keyOf(key).exchange))
        firstOpen.set(key, open)
      }
      const time_us = trades.reader.time_us(row)
      if (time_us >= open) continue
      const pane = Math.floor(time_us / Number(MINUTE_US))
      const watermark_us = watermarks.get(keys.keyOf(key).exchange) as bigint
      const at = placeOf(lane.columns, row)
      const { exchange, symbol } = keys.keyOf(key)
      late.push({
        ...at,
        exchange,
        symbol,
        trade_id: trades.reader.id(row),
        start_us: startOf({ size: MINUTE, n: pane }),
        lateness_ms: (watermark_us - BigInt(time_us)) / 1000n,
      })
      for (const size of CANDLE_SIZES) {
        const window = { key, size, n: windowOfPane(pane, size) }
        if (endOf(window) > watermark_us) continue
        const known = causes.get(nameOf(window))
        if (known) known.cause.added += 1
        else causes.set(nameOf(window), { window, cause: { ...causeOf(lane.key), at, added: 1 } })
      }
    }
  }
  return { late, causes }
}

const MINUTE = CANDLE_SIZES[0] as CandleSize

/** Trades before this time belong to a minute that is closed. */
function firstOpenTime(watermark_us: bigint | undefined): number {
  if (watermark_us === undefined) return Number.NEGATIVE_INFINITY
  return firstOpenWindow(PANE, watermark_us) * Number(MINUTE_US)
}

function causeOf(key: LaneKey): Pick<RevisionCause, 'cause'> {
  return { cause: isReplayLane(parseLaneKey(key)) ? 'replay' : 'late' }
}

/** The trade's own coordinates: a replayed row keeps those of its record. */
function placeOf(columns: RowColumns, row: number) {
  return {
    topic: textAt(columns, 'topic', row) ?? '',
    partition: Number(integerAt(columns, 'partition', row)),
    offset: BigInt(integerAt(columns, 'offset', row)),
  }
}

function integerAt(columns: RowColumns, name: string, row: number): number | bigint {
  const column = namedColumn(columns, name)
  if (column.type === 'INTEGER' || column.type === 'BIGINT') return column.data[row] as number | bigint
  if (column.type === 'CONSTANT') return column.value as number | bigint
  throw new RangeError(`column ${name} of gold has no integers`)
}
