import type { Exchange, SimulatedTrade } from '../exchange.js'
import { resource, resourceText } from '../resources.js'
import { krakenColumns, krakenRawColumns } from './columns.js'
import { newKrakenFeedParser } from './feed.js'
import { krakenLive } from './live.js'
import { krakenMarket, krakenSymbols } from './pair.js'

export const kraken: Exchange = {
  name: 'kraken',
  topic: 'market.crypto.trades.kraken.raw',
  schema: resourceText('kraken/schemas/KrakenRawTrade.avsc'),
  logicalTypes: { ingestion_timestamp: 'timestamp-micros' },
  samples: [resource('kraken/samples/kraken-btcusdt-trades.jsonl')],
  newFeedParser: newKrakenFeedParser,
  live: krakenLive,
  symbols: krakenSymbols,
  writesPairsApart: true,
  firstTrade_ms: Date.UTC(2011, 6, 28),
  exchange: 'KRAKEN',
  asset_class: 'crypto',
  columns: (decoded, valid, reading) => krakenColumns({ decoded, valid }, reading),
  rawColumns: (decoded, valid, reading) => krakenRawColumns({ decoded, valid }, reading),
  market: krakenMarket,
  record: (trade: SimulatedTrade) => ({
    channel_id: 0,
    price: trade.price,
    volume: trade.quantity,
    timestamp: `${trade.event_time_us / 1_000_000n}.${String(trade.event_time_us % 1_000_000n).padStart(6, '0')}`,
    side: trade.side === 'BUY' ? 'b' : trade.side === 'SELL' ? 's' : trade.side,
    order_type: trade.trade_id % 3 === 0 ? 'm' : 'l',
    misc: '',
    pair: trade.symbol,
    ingestion_timestamp: trade.event_time_us,
    trade_id: trade.trade_id,
    fill_number: null,
  }),
  simulated: {
    symbols: [
      { symbol: 'XBT/USD', price: 68_000, decimals: 1 },
      { symbol: 'ETH/USD', price: 3_500, decimals: 2 },
      { symbol: 'XBT/EUR', price: 63_000, decimals: 1 },
      { symbol: 'SOL/USD', price: 160, decimals: 2 },
      { symbol: 'XRP/USD', price: 0.6, decimals: 5 },
      { symbol: 'XDG/USD', price: 0.14, decimals: 7 },
      { symbol: 'ETH/XBT', price: 0.0515, decimals: 5 },
      { symbol: 'XBT/USDT', price: 68_000, decimals: 1 },
    ],
    symbolOf: (base) => `${base}/USDT`,
    events_per_second: 75,
    sideIsText: true,
  },
}
