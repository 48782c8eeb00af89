export { type ParseStatusCode, parseDecimal28_10 } from './decimal.js'
export { EVENT_TIME_END_US } from './event-time.js'
export type {
  Exchange,
  FeedOutcome,
  FeedParser,
  FeedRecord,
  Market,
  SilverMapping,
  SimulatedMarkets,
  SimulatedSymbol,
  SimulatedTrade,
} from './exchange.js'
export { exchangeNamed, exchanges } from './exchanges.js'
export type { LiveConnection, LiveFeed, LiveText } from './live.js'
export { CURRENCY_NAME, PAIR_NAME } from './markets/names.js'
export {
  extendReading,
  FIRST_READING,
  type MarketAdditions,
  PRESENT_READING,
  type Reading,
} from './markets/reading.js'
export type { SymbolGrammar } from './markets/symbol-text.js'
export { readerSchemaOf } from './reader-schema.js'
export type { SimulationOptions } from './simulator/options.js'
export { type Simulation, type SimulationTally, simulate } from './simulator/simulate.js'
