import { type TumblingSpec, tumbling } from '@assay/pipeline'

/** A size of candles: its name in tables and views, and its length in µs. */
export interface CandleSize {
  readonly name: string
  readonly size_us: bigint
}

export const MINUTE_US = 60_000_000n
/** The pane that all candles are merged from. */
export const PANE: TumblingSpec = tumbling(MINUTE_US)

/** The sizes that are stored; others are views over minutes. */
export const CANDLE_SIZES: readonly CandleSize[] = [
  { name: '1m', size_us: MINUTE_US },
  { name: '1h', size_us: 60n * MINUTE_US },
  { name: '1d', size_us: 1440n * MINUTE_US },
]
