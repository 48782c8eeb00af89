import { decodedField } from '@assay/avro'
import type { RowColumn, RowColumns } from '@assay/core'
import { booleanColumn, dictionaryColumn, emptyLists, flagCodes, longColumn } from '../columns/field-columns.js'
import { numberedTexts } from '../columns/numbered-texts.js'
import type { DecodedRecords } from '../columns/rows.js'
import { decimalColumns, marketColumns, millisColumns } from '../columns/value-columns.js'
import type { Market } from '../markets/market.js'
import { vendorData } from './vendor-data.js'

/** Records of Binance's schema as `Exchange.columns` wants them. */
export function binanceColumns(records: DecodedRecords, market: (symbol: string) => Market): RowColumns {
  const { decoded } = records
  const isBuyerMaker = flagCodes(records, 'is_buyer_maker')
  const eventTypes = dictionaryColumn(records, 'event_type')
  const ofMaker = (dictionary: readonly string[]): RowColumn => ({
    type: 'DICTIONARY',
    codes: isBuyerMaker,
    dictionary,
  })
  const vendor = {
    eventTypes,
    times_ms: decodedField(decoded, 'event_time_ms', 'long'),
    isBuyerMaker,
    isBestMatch: flagCodes(records, 'is_best_match'),
  }
  return new Map<string, RowColumn>([
    ...marketColumns(records, dictionaryColumn(records, 'symbol'), market),
    ...decimalColumns(records, 'price', 'price'),
    ...decimalColumns(records, 'quantity', 'quantity'),
    ...millisColumns(records, 'trade_time_ms'),
    ['trade_id', numberedTexts({ texts: ['BINANCE-'] }, decodedField(decoded, 'trade_id', 'long'))],
    ['event_type', eventTypes],
    ['side', ofMaker(['BUY', 'SELL'])],
    ['side_text', ofMaker(['false', 'true'])],
    ['trade_conditions', emptyLists(decoded.count)],
    ['source_sequence', longColumn(records, 'trade_id')],
    ['ingestion_timestamp', longColumn(records, 'ingestion_timestamp')],
    ['vendor_data', vendorData(vendor)],
  ])
}

export function binanceRawColumns(records: DecodedRecords): RowColumns {
  return new Map<string, RowColumn>([
    ['raw_trade_id', longColumn(records, 'trade_id')],
    ['raw_is_buyer_maker', booleanColumn(records, 'is_buyer_maker')],
    ['raw_ingestion_timestamp', longColumn(records, 'ingestion_timestamp')],
    ['raw_event_type', dictionaryColumn(records, 'event_type')],
    ['raw_event_time_ms', longColumn(records, 'event_time_ms')],
    ['raw_is_best_match', booleanColumn(records, 'is_best_match')],
  ])
}
