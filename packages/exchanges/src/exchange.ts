import type { DecodedColumns } from '@assay/avro'
import type { RowColumns } from '@assay/core'
import type { LiveFeed } from './live.js'
import type { Market } from './markets/market.js'
import type { Reading } from './markets/reading.js'
import type { SymbolGrammar } from './markets/symbol-text.js'

/** A trade as the feed hands it to a producer. */
export interface FeedRecord {
  /** The symbol or pair in UTF-8. */
  readonly key: Uint8Array
  /** For the encoder of the exchange's schema. */
  readonly record: Readonly<Record<string, unknown>>
  /** µs since 1970, within 1970-01-01 … 2261-12-31. */
  readonly event_time_us: bigint
}

/** What one message of a feed is. */
export type FeedOutcome =
  /** Trades, in the feed's order; `refused` says of each trade of the message that was unusable, why. */
  | { readonly kind: 'records'; readonly records: readonly FeedRecord[]; readonly refused: readonly string[] }
  /** Nothing to do with trades: heartbeats, acknowledgements, status. */
  | { readonly kind: 'ignored'; readonly why: string }
  /** The message is none of this feed; says which field, and what was found. */
  | { readonly kind: 'refused'; readonly reason: string }

/** Reads one message (a line of JSON) of a feed. Never throws; its time is bounded by the line's length. */
export type FeedParser = (line: string) => FeedOutcome

/** A synthetic trade, before it takes an exchange's form. */
export interface SimulatedTrade {
  /** The symbol as the exchange writes it. */
  readonly symbol: string
  readonly trade_id: number
  readonly price: string
  readonly quantity: string
  readonly event_time_us: bigint
  /** BUY, SELL, or for an exchange with sides in text anything. */
  readonly side: string
}

export interface SimulatedSymbol {
  /** The symbol as the exchange writes it. */
  readonly symbol: string
  /** Where the price begins its walk. */
  readonly price: number
  /** Decimals in which prices move. */
  readonly decimals: number
}

interface SimulatedMarkets {
  /** The symbols, the busiest first. */
  readonly symbols: readonly SimulatedSymbol[]
  /** One more symbol, made of a base currency's name, for simulations of many. */
  symbolOf(base: string): string
  /** Records a second of a usual load. */
  readonly events_per_second: number
  /** True when a record's side is text and so may be neither of the two. */
  readonly sideIsText: boolean
}

/** Everything that is particular to one exchange. */
export interface Exchange {
  /** Lower case, as in topics and table names. */
  readonly name: string
  readonly topic: string
  /** The current Avro schema (JSON text): what producers write and readers read by. */
  readonly schema: string
  /** What longs of the schema count, by field, as Avro's logical types: a writer's that says otherwise is not read. */
  readonly logicalTypes?: Readonly<Record<string, 'timestamp-millis' | 'timestamp-micros'>>
  /** Recorded feed messages, one a line. */
  readonly samples: readonly URL[]
  /** A parser with its own state; `now_us` gives the wall clock in µs since 1970. */
  newFeedParser(now_us: () => bigint): FeedParser
  /** How it writes symbols: what breaks this is refused by every feed, and a dead letter in silver. */
  readonly symbols: SymbolGrammar
  /** True where it writes base and quote apart: then two of its pairs may have one joined name. */
  readonly writesPairsApart: boolean
  /** ms since 1970 before which it had no trade. */
  readonly firstTrade_ms: number
  /** Its own feed, whose text frames the feed parser reads. */
  readonly live: LiveFeed
  /** The value of silver's column `exchange`. */
  readonly exchange: string
  /** The value of silver's column `asset_class`. */
  readonly asset_class: string
  /**
   * Decoded records as columns, by name. Rows with `valid[i] !== 1` have no value but in `vendor_data` and what is the
   * same in every row. Always there:
   * - `price`, `quantity` DECIMAL, each with `_status` UTINYINT (`ParseStatus`) and `_text` VARCHAR: where the
   *   status isn't ok the number is null and the text tells what was found, cut at 64 bytes;
   * - `event_time_us` BIGINT with `event_time_status` and `event_time_text`, alike; not representable is what
   *   lies outside 1970-01-01 … 2261-12-31;
   * - `symbol`, `currency` VARCHAR and `symbol_status` UTINYINT (`Market`), with `symbol_text`, what was found where
   *   the status isn't ok;
   * - `trade_id` VARCHAR: unique per exchange, symbol, currency and trade;
   * - `event_type` VARCHAR: what the record is; `trade` for a trade;
   * - `side` VARCHAR: BUY, SELL or null, with `side_text`, what the record says of the side, at most 64 characters;
   * - `trade_conditions`, a list of texts;
   * - `source_sequence` BIGINT: the exchange's number of the trade;
   * - `ingestion_timestamp` BIGINT, µs since 1970;
   * - `vendor_data` VARCHAR: a JSON object of what only this exchange tells.
   */
  columns(decoded: DecodedColumns, valid: Uint8Array, reading: Reading): RowColumns
  /** The same records' fields under names with the prefix `raw_`, for rules of operators: no other rule needs them. */
  rawColumns(decoded: DecodedColumns, valid: Uint8Array, reading: Reading): RowColumns
  /** What silver makes of a symbol. */
  market(symbol: string, reading: Reading): Market
  /** A synthetic trade as a record of the schema. */
  record(trade: SimulatedTrade): Record<string, unknown>
  readonly simulated: SimulatedMarkets
}
