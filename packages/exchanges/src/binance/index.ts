import type { Exchange, SimulatedTrade } from '../exchange.js'
import { joinedNameMarket } from '../markets/joined-name.js'
import type { Market } from '../markets/market.js'
import type { Reading } from '../markets/reading.js'
import { resource, resourceText } from '../resources.js'
import { binanceColumns, binanceRawColumns } from './columns.js'
import { newBinanceFeedParser } from './feed.js'
import { binanceLive } from './live.js'
import { binanceSymbols } from './symbols.js'

function binanceMarket(symbol: string, reading: Reading): Market {
  return joinedNameMarket(symbol, reading, binanceSymbols)
}

export const binance: Exchange = {
  name: 'binance',
  topic: 'market.crypto.trades.binance.raw',
  schema: resourceText('binance/schemas/BinanceRawTrade.avsc'),
  logicalTypes: {
    event_time_ms: 'timestamp-millis',
    trade_time_ms: 'timestamp-millis',
    ingestion_timestamp: 'timestamp-micros',
  },
  samples: [
    resource('binance/samples/binance-btcusdt-trades.jsonl'),
    resource('binance/samples/binance-ethusdt-trades.jsonl'),
  ],
  newFeedParser: newBinanceFeedParser,
  live: binanceLive,
  symbols: binanceSymbols,
  writesPairsApart: false,
  firstTrade_ms: Date.UTC(2017, 6, 14),
  exchange: 'BINANCE',
  asset_class: 'crypto',
  columns: (decoded, valid, reading) => binanceColumns({ decoded, valid }, (symbol) => binanceMarket(symbol, reading)),
  rawColumns: (decoded, valid) => binanceRawColumns({ decoded, valid }),
  market: binanceMarket,
  record: (trade: SimulatedTrade) => ({
    event_type: 'trade',
    event_time_ms: trade.event_time_us / 1000n,
    symbol: trade.symbol,
    trade_id: trade.trade_id,
    price: trade.price,
    quantity: trade.quantity,
    trade_time_ms: trade.event_time_us / 1000n,
    is_buyer_maker: trade.side === 'SELL',
    is_best_match: true,
    ingestion_timestamp: trade.event_time_us,
  }),
  simulated: {
    symbols: [
      { symbol: 'BTCUSDT', price: 68_000, decimals: 2 },
      { symbol: 'ETHUSDT', price: 3_500, decimals: 2 },
      { symbol: 'SOLUSDT', price: 160, decimals: 2 },
      { symbol: 'XRPUSDT', price: 0.6, decimals: 4 },
      { symbol: 'BNBUSDT', price: 580, decimals: 1 },
      { symbol: 'DOGEUSDT', price: 0.14, decimals: 5 },
      { symbol: 'PEPEUSDT', price: 0.0000105, decimals: 8 },
      { symbol: 'ETHBTC', price: 0.0515, decimals: 5 },
      { symbol: 'BTCEUR', price: 63_000, decimals: 2 },
      { symbol: 'BTCFDUSD', price: 68_010, decimals: 2 },
    ],
    symbolOf: (base) => `${base}USDT`,
    events_per_second: 750,
    sideIsText: false,
  },
}
