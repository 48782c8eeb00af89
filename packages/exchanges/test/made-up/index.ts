import { readFileSync } from 'node:fs'
import { decodedField } from '@assay/avro'
import type { DictionaryColumn, RowColumn } from '@assay/core'
import { booleanColumn, dictionaryColumn, emptyLists, flagCodes, longColumn } from '../../src/columns/field-columns.js'
import { numberedTexts } from '../../src/columns/numbered-texts.js'
import { decimalColumns, marketColumns, millisColumns } from '../../src/columns/value-columns.js'
import type { Exchange } from '../../src/exchange.js'
import { FeedFields } from '../../src/feed-fields.js'
import { joinedNameMarket } from '../../src/markets/joined-name.js'
import type { Market } from '../../src/markets/market.js'
import type { Reading } from '../../src/markets/reading.js'
import { symbolGrammar } from '../../src/markets/symbol-text.js'

const symbols = symbolGrammar('-')

function marketOf(symbol: string, reading: Reading): Market {
  return joinedNameMarket(symbol, reading, symbols)
}

/** An exchange that does not exist: all that a third one needs is a folder like this and its line in the list. */
export const madeUp: Exchange = {
  name: 'madeup',
  topic: 'market.crypto.trades.madeup.raw',
  schema: readFileSync(new URL('schemas/MadeUpRawTrade.avsc', import.meta.url), 'utf8'),
  samples: [new URL('samples/trades.jsonl', import.meta.url)],
  newFeedParser(now_us) {
    return (line) => {
      const fields = new FeedFields(JSON.parse(line))
      const market = fields.symbol('market', symbols)
      const time_ms = fields.integer('at')
      const record = {
        market,
        no: fields.integer('no'),
        at: time_ms,
        rate: fields.text('rate'),
        amount: fields.text('amount'),
        sold: fields.boolean('sold'),
      }
      if (fields.problem) return { kind: 'refused', reason: fields.problem }
      const complete = { ...record, taken_us: now_us() }
      return {
        kind: 'records',
        records: [{ key: Buffer.from(market), record: complete, event_time_us: BigInt(time_ms) * 1000n }],
        refused: [],
      }
    }
  },
  symbols,
  writesPairsApart: false,
  firstTrade_ms: Date.UTC(2020, 0, 1),
  live: {
    symbols: ['BTCEUR'],
    isFollowable: () => true,
    symbolExample: 'BTCEUR',
    symbolsMax: 10,
    connect: (symbols) => ({ url: 'wss://feed.example.com', subscribe: symbols.map((symbol) => `trades ${symbol}`) }),
    onText: (text) => ({ kind: text === 'alive' ? 'heartbeat' : 'data' }),
    silence_ms: 10_000,
    lifetime_ms: undefined,
  },
  exchange: 'MADEUP',
  asset_class: 'crypto',
  columns(decoded, valid, reading) {
    const records = { decoded, valid }
    const markets = new Map(
      marketColumns(records, dictionaryColumn(records, 'market'), (symbol) => marketOf(symbol, reading)),
    )
    const { codes, dictionary } = markets.get('symbol') as DictionaryColumn
    const sold = flagCodes(records, 'sold')
    return new Map<string, RowColumn>([
      ...markets,
      ...decimalColumns(records, 'rate', 'price'),
      ...decimalColumns(records, 'amount', 'quantity'),
      ...millisColumns(records, 'at'),
      [
        'trade_id',
        numberedTexts(
          { texts: dictionary.map((symbol) => `MADEUP-${symbol}-`), codes },
          decodedField(decoded, 'no', 'long'),
        ),
      ],
      ['event_type', { type: 'CONSTANT', of: 'VARCHAR', value: 'trade' }],
      ['side', { type: 'DICTIONARY', codes: sold, dictionary: ['BUY', 'SELL'] }],
      ['side_text', { type: 'DICTIONARY', codes: sold, dictionary: ['false', 'true'] }],
      ['trade_conditions', emptyLists(decoded.count)],
      ['source_sequence', longColumn(records, 'no')],
      ['ingestion_timestamp', longColumn(records, 'taken_us')],
      ['vendor_data', { type: 'CONSTANT', of: 'VARCHAR', value: '{}' }],
    ])
  },
  rawColumns(decoded, valid) {
    const records = { decoded, valid }
    return new Map<string, RowColumn>([
      ['raw_no', longColumn(records, 'no')],
      ['raw_sold', booleanColumn(records, 'sold')],
      ['raw_taken_us', longColumn(records, 'taken_us')],
    ])
  },
  market: marketOf,
  record: (trade) => ({
    market: trade.symbol,
    no: trade.trade_id,
    at: trade.event_time_us / 1000n,
    rate: trade.price,
    amount: trade.quantity,
    sold: trade.side === 'SELL',
    taken_us: trade.event_time_us,
  }),
  simulated: {
    symbols: [{ symbol: 'BTCEUR', price: 60_000, decimals: 2 }],
    symbolOf: (base) => `${base}EUR`,
    events_per_second: 10,
    sideIsText: false,
  },
}
