import { decodedField } from '@assay/avro'
import type { DictionaryColumn, ListColumn, RowColumn, RowColumns } from '@assay/core'
import { combinedCodes, longCodes } from '../columns/combined-codes.js'
import { dictionaryColumn, longColumn, recoded } from '../columns/field-columns.js'
import { jsonObject } from '../columns/json-text.js'
import { numberedTexts } from '../columns/numbered-texts.js'
import type { DecodedRecords } from '../columns/rows.js'
import { decimalColumns, marketColumns, secondsTextColumns } from '../columns/value-columns.js'
import type { Reading } from '../markets/reading.js'
import { identityColumns, idsOfNumberless } from './identity.js'
import { krakenMarket } from './pair.js'

const SIDE_CHARACTERS_MAX = 64

/** Records of Kraken's schema as `Exchange.columns` wants them. */
export function krakenColumns(records: DecodedRecords, reading: Reading): RowColumns {
  const { decoded, valid } = records
  const pairs = dictionaryColumn(records, 'pair')
  const sides = dictionaryColumn(records, 'side')
  const orderTypes = dictionaryColumn(records, 'order_type')
  const numbers = decodedField(decoded, 'trade_id', 'long')
  const markets = new Map(marketColumns(records, pairs, (pair) => krakenMarket(pair, reading)))
  const { codes, dictionary } = markets.get('symbol') as DictionaryColumn
  const heads = { texts: dictionary.map((symbol) => `KRAKEN-${symbol}-`), codes }
  return new Map<string, RowColumn>([
    ...markets,
    ...decimalColumns(records, 'price', 'price'),
    ...decimalColumns(records, 'volume', 'quantity'),
    ...secondsTextColumns(records, 'timestamp'),
    ['trade_id', numberedTexts(heads, numbers, idsOfNumberless(decoded, valid, reading))],
    ['event_type', { type: 'CONSTANT', of: 'VARCHAR', value: 'trade' }],
    ['side', recoded(sides, (side) => (side === 'b' ? 'BUY' : side === 's' ? 'SELL' : null))],
    ['side_text', recoded(sides, firstCharacters)],
    ['trade_conditions', tradeConditions(orderTypes)],
    ['source_sequence', longColumn(records, 'trade_id')],
    ['ingestion_timestamp', longColumn(records, 'ingestion_timestamp')],
    ['vendor_data', vendorData(records, pairs, orderTypes)],
  ])
}

export function krakenRawColumns(records: DecodedRecords, reading: Reading): RowColumns {
  return new Map<string, RowColumn>([
    ...identityColumns(records.decoded, records.valid, reading),
    ['raw_trade_id', longColumn(records, 'trade_id')],
    ['raw_side', dictionaryColumn(records, 'side')],
    ['raw_order_type', dictionaryColumn(records, 'order_type')],
    ['raw_ingestion_timestamp', longColumn(records, 'ingestion_timestamp')],
    ['raw_channel_id', longColumn(records, 'channel_id')],
    ['raw_pair', dictionaryColumn(records, 'pair')],
    ['raw_misc', dictionaryColumn(records, 'misc')],
  ])
}

function firstCharacters(text: string): string {
  if (text.length <= SIDE_CHARACTERS_MAX) return text
  return [...text.slice(0, 2 * SIDE_CHARACTERS_MAX)].slice(0, SIDE_CHARACTERS_MAX).join('')
}

/** A list a row, with the order's type; none for a record without one. */
/** A record without an order type has a list of one null. */
function tradeConditions({ codes, dictionary }: DictionaryColumn): ListColumn {
  const lists = dictionary.map((type): readonly (string | null)[] => {
    if (type === 'l') return ['limit']
    if (type === 'm') return ['market']
    return type === '' ? [] : [type]
  })
  const missing = lists.push([null]) - 1
  return { type: 'LIST', codes: codes.map((code) => (code < 0 ? missing : code)), dictionary: lists }
}

/** A JSON object a row, of which few are distinct. */
function vendorData(records: DecodedRecords, pairs: DictionaryColumn, orderTypes: DictionaryColumn): DictionaryColumn {
  const { data, words, nulls } = decodedField(records.decoded, 'channel_id', 'long')
  const channels = longCodes(data, words, nulls)
  const miscs = dictionaryColumn(records, 'misc')
  const sized = ({ codes, dictionary }: DictionaryColumn): { codes: Int32Array; distinct: number } => ({
    codes,
    distinct: dictionary.length,
  })
  const { codes, rows } = combinedCodes(sized(pairs), channels, sized(orderTypes), sized(miscs))
  const textOf = (column: DictionaryColumn, row: number): string | null =>
    column.dictionary[column.codes[row] as number] ?? null
  const dictionary = rows.map((row) =>
    jsonObject([
      ['pair', textOf(pairs, row)],
      ['channel_id', nulls[row] === 1 ? null : (data[row] as bigint)],
      ['order_type', textOf(orderTypes, row)],
      ['misc', textOf(miscs, row)],
    ]),
  )
  return { type: 'DICTIONARY', codes, dictionary }
}
