/** Silver's columns as SQL (DuckDB) over an exchange's raw columns: what its code has to give, to the byte. */
export interface SilverMapping {
  readonly trade_id: string
  readonly event_type: string
  readonly side: string
  readonly side_text: string
  readonly trade_conditions: string
  readonly source_sequence: string
  readonly ingestion_timestamp: string
  readonly vendor_data: string
}

export const SILVER_MAPPINGS: Readonly<Record<string, SilverMapping>> = {
  binance: {
    trade_id: `'BINANCE-' || raw_trade_id`,
    event_type: 'raw_event_type',
    side: `case when raw_is_buyer_maker then 'SELL' when not raw_is_buyer_maker then 'BUY' end`,
    side_text: 'raw_is_buyer_maker::varchar',
    trade_conditions: `[]::varchar[]`,
    source_sequence: `raw_trade_id`,
    ingestion_timestamp: `raw_ingestion_timestamp`,
    vendor_data: `json_object('event_type', raw_event_type, 'event_time_ms', raw_event_time_ms,
      'is_buyer_maker', raw_is_buyer_maker, 'is_best_match', raw_is_best_match)::varchar`,
  },
  kraken: {
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
  },
  madeup: {
    trade_id: `'MADEUP-' || symbol || '-' || raw_no`,
    event_type: `'trade'`,
    side: `case when raw_sold then 'SELL' when not raw_sold then 'BUY' end`,
    side_text: 'raw_sold::varchar',
    trade_conditions: `[]::varchar[]`,
    source_sequence: `raw_no`,
    ingestion_timestamp: `raw_taken_us`,
    vendor_data: `'{}'`,
  },
}
