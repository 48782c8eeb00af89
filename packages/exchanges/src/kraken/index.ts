import type { Exchange, SimulatedTrade } from '../exchange.js'
import { decimalColumns, dictionaryColumn, longColumn, marketColumns, secondsTextColumns } from '../raw-columns.js'
import { resource, resourceText } from '../resources.js'
import { newKrakenFeedParser } from './feed.js'
import { identityColumns } from './identity.js'
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
  columns(decoded, valid, reading) {
    const rows = { decoded, valid }
    return [
      ...marketColumns(rows, 'pair', (pair) => krakenMarket(pair, reading)),
      ...decimalColumns(rows, 'price', 'price'),
      ...decimalColumns(rows, 'volume', 'quantity'),
      ...secondsTextColumns(rows, 'timestamp'),
      ...identityColumns(decoded, valid, reading),
      longColumn(rows, 'trade_id', 'raw_trade_id'),
      dictionaryColumn(rows, 'side', 'raw_side'),
      dictionaryColumn(rows, 'order_type', 'raw_order_type'),
      longColumn(rows, 'ingestion_timestamp', 'raw_ingestion_timestamp'),
      longColumn(rows, 'channel_id', 'raw_channel_id'),
      dictionaryColumn(rows, 'pair', 'raw_pair'),
      dictionaryColumn(rows, 'misc', 'raw_misc'),
    ]
  },
  silver: {
    trade_id: `case when raw_trade_id is not null then 'KRAKEN-' || symbol || '-' || raw_trade_id
      else 'KRAKEN-' || raw_timestamp || '-' || left(md5(raw_identity), 16) end`,
    event_type: `'trade'`,
    side: `case raw_side when 'b' then 'BUY' when 's' then 'SELL' end`,
    side_text: 'left(raw_side, 64)',
    trade_conditions: `case raw_order_type when 'l' then ['limit'] when 'm' then ['market']
      when '' then []::varchar[] else [raw_order_type] end`,
    source_sequence: `raw_trade_id`,
    ingestion_timestamp: `raw_ingestion_timestamp`,
    vendor_data: `json_object('pair', raw_pair, 'channel_id', raw_channel_id, 'order_type', raw_order_type,
      'misc', raw_misc)::varchar`,
    exchange: 'KRAKEN',
    asset_class: 'crypto',
  },
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
