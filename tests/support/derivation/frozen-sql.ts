import { readFileSync } from 'node:fs'

/** One of the rules as they were when all of silver was judged by SQL. */
export interface FrozenRule {
  readonly predicate: string
  readonly reason: string
  readonly type: string
  readonly value: string
}

/** The rule set of that time: its version must stay, and so what it says of every record. */
export const FROZEN_RULES = JSON.parse(
  readFileSync(new URL('../../fixtures/derivation/rules.json', import.meta.url), 'utf8'),
) as { readonly version: string; readonly rules: readonly FrozenRule[] }

interface Mapping {
  /** Fields of the reader's schema, as the types that SQL reads them as. */
  readonly raw: Readonly<Record<string, string>>
  readonly price: string
  readonly quantity: string
  /** What of the time is a text, its status, and its value where that is 0. */
  readonly time: { readonly text: string; readonly status: string; readonly value: string }
  readonly columns: string
}

const END_SECONDS = 9_214_646_400

/** The statements by which each exchange's fields became columns of silver. */
export const MAPPINGS: Readonly<Record<string, Mapping>> = {
  binance: {
    raw: {
      event_type: 'VARCHAR',
      event_time_ms: 'BIGINT',
      symbol: 'VARCHAR',
      trade_id: 'BIGINT',
      price: 'VARCHAR',
      quantity: 'VARCHAR',
      trade_time_ms: 'BIGINT',
      is_buyer_maker: 'BOOLEAN',
      is_best_match: 'BOOLEAN',
      ingestion_timestamp: 'BIGINT',
    },
    price: 'raw_price',
    quantity: 'raw_quantity',
    time: {
      text: 'raw_trade_time_ms::VARCHAR',
      status: `CASE WHEN raw_trade_time_ms IS NULL THEN 1
        WHEN raw_trade_time_ms BETWEEN 0 AND ${END_SECONDS}000 - 1 THEN 0 ELSE 3 END`,
      value: 'raw_trade_time_ms * 1000',
    },
    columns: `'BINANCE' AS exchange, 'BINANCE-' || raw_trade_id AS trade_id, raw_event_type AS event_type,
      case when raw_is_buyer_maker then 'SELL' when not raw_is_buyer_maker then 'BUY' end AS side,
      raw_is_buyer_maker::varchar AS side_text, []::varchar[] AS trade_conditions, raw_trade_id AS source_sequence,
      raw_ingestion_timestamp AS ingestion_timestamp,
      json_object('event_type', raw_event_type, 'event_time_ms', raw_event_time_ms,
        'is_buyer_maker', raw_is_buyer_maker, 'is_best_match', raw_is_best_match)::varchar AS own_data`,
  },
  kraken: {
    raw: {
      channel_id: 'BIGINT',
      price: 'VARCHAR',
      volume: 'VARCHAR',
      timestamp: 'VARCHAR',
      side: 'VARCHAR',
      order_type: 'VARCHAR',
      misc: 'VARCHAR',
      pair: 'VARCHAR',
      ingestion_timestamp: 'BIGINT',
      trade_id: 'BIGINT',
      fill_number: 'INTEGER',
    },
    price: 'raw_price',
    quantity: 'raw_volume',
    time: {
      text: 'raw_timestamp',
      status: `CASE WHEN coalesce(raw_timestamp, '') = '' THEN 1
        WHEN NOT regexp_full_match(raw_timestamp, '-?[0-9]+([.][0-9]{1,6})?') THEN 2
        WHEN raw_timestamp LIKE '-%' OR split_part(raw_timestamp, '.', 1)::DOUBLE >= ${END_SECONDS} THEN 3 ELSE 0 END`,
      value: `split_part(raw_timestamp, '.', 1)::BIGINT * 1000000 + rpad(split_part(raw_timestamp, '.', 2), 6, '0')::BIGINT`,
    },
    columns: `'KRAKEN' AS exchange, case when raw_trade_id is not null then 'KRAKEN-' || symbol || '-' || raw_trade_id
        else 'KRAKEN-' || identity_time || '-' || left(md5(identity), 16) end AS trade_id, 'trade' AS event_type,
      case raw_side when 'b' then 'BUY' when 's' then 'SELL' end AS side, left(raw_side, 64) AS side_text,
      case raw_order_type when 'l' then ['limit'] when 'm' then ['market']
        when '' then []::varchar[] else [raw_order_type] end AS trade_conditions,
      raw_trade_id AS source_sequence, raw_ingestion_timestamp AS ingestion_timestamp,
      json_object('pair', raw_pair, 'channel_id', raw_channel_id, 'order_type', raw_order_type,
        'misc', raw_misc)::varchar AS own_data`,
  },
}

/** SQL of the columns by which a decimal's text was known; `text` and `status` are of the row, `name` is the column's. */
function decimalSql(name: string, text: string): string {
  return `CASE WHEN frame_status <> 0 THEN NULL WHEN coalesce(${text}, '') = '' THEN 1
      WHEN NOT regexp_full_match(${text}, '-?[0-9]+([.][0-9]+)?') THEN 2
      WHEN length(ltrim(split_part(ltrim(${text}, '-'), '.', 1), '0')) > 18
        OR length(rtrim(split_part(${text}, '.', 2), '0')) > 10 THEN 3 ELSE 0 END AS ${name}_status`
}

/** SQL of a text's first 64 bytes, at the border of a character; null where the status is 0. */
function foundText(name: string, text: string): string {
  const cut = `(SELECT left(t, max(n)) FROM (SELECT ${text} AS t), range(0, 65) r(n) WHERE strlen(left(t, n)) <= 64 GROUP BY t)`
  return `CASE WHEN ${name}_status <> 0 AND ${text} IS NOT NULL THEN ${cut} END AS ${name}_text`
}

/** SQL of the mapped columns over a relation of decoded rows beside `kafka_us`. */
export function mappedSql({ price, quantity, time, columns }: Mapping, decoded: string): string {
  return `SELECT *, ${columns}, 'crypto' AS asset_class FROM (
    SELECT *, CASE WHEN price_status = 0 THEN ${price}::DECIMAL(28, 10) END AS price,
      CASE WHEN quantity_status = 0 THEN ${quantity}::DECIMAL(28, 10) END AS quantity,
      CASE WHEN event_time_status = 0 THEN ${time.value} END AS event_time_us,
      ${foundText('price', price)}, ${foundText('quantity', quantity)}, ${foundText('event_time', time.text)}
    FROM (SELECT *, ${decimalSql('price', price)}, ${decimalSql('quantity', quantity)},
      CASE WHEN frame_status = 0 THEN ${time.status} END AS event_time_status FROM ${decoded}))`
}

/** SQL of the exchange's JSON object with the fields behind it that only the writer's schema has. */
export const VENDOR_DATA = `CASE WHEN extra_fields IS NULL THEN own_data WHEN coalesce(own_data, '{}') = '{}' THEN extra_fields
  ELSE left(own_data, -1) || ',' || substr(extra_fields, 2) END`

function isBroken({ predicate }: FrozenRule): string {
  return `TRY(${predicate}) IS NOT TRUE`
}

function text(value: string): string {
  return `'${value.replaceAll("'", "''")}'`
}

/** SQL of the reason of a row: the first rule that it breaks, NULL for none. */
export function reasonSql(rules: readonly FrozenRule[]): string {
  return `CASE ${rules.map((rule) => `WHEN ${isBroken(rule)} THEN ${text(rule.reason)}`).join(' ')} END`
}

export function typeSql(rules: readonly FrozenRule[], reason: string): string {
  const branches = rules.map((rule) => `WHEN ${text(rule.reason)} THEN ${text(rule.type)}`)
  return `CASE ${reason} ${branches.join(' ')} ELSE 'unknown_error' END`
}

/** SQL of every broken rule with its value. */
export function detailSql(rules: readonly FrozenRule[]): string {
  const parts = rules.map((rule) => {
    const applies = rule.predicate.startsWith('frame_status')
      ? isBroken(rule)
      : `frame_status = 0 AND ${isBroken(rule)}`
    return `CASE WHEN ${applies} THEN ${text(`${rule.reason}: `)} || coalesce(TRY((${rule.value})::VARCHAR), 'missing') END`
  })
  return `array_to_string(list_filter([${parts.join(', ')}], x -> x IS NOT NULL), '; ')`
}
