import { ParseStatus } from '@assay/core'
import { defineRuleSet, type ErrorType, type Rule } from './rule-set.js'

/** What became of a record's frame before any of its fields were looked at; one byte a row. */
export const FrameStatus = {
  ok: 0,
  value_is_null: 1,
  record_too_large: 2,
  malformed_wire_frame: 3,
  unknown_schema_id: 4,
  avro_decode_failed: 5,
  schema_incompatible: 6,
} as const

const SINCE = '0.1.0'
const SECOND = '0.2.0'
const TOLERANCE_US = 5_000_000
const YEAR_US = 365 * 86_400 * 1_000_000

function frameRule(reason: Exclude<keyof typeof FrameStatus, 'ok'>): Rule {
  return {
    name: reason,
    predicate: `frame_status <> ${FrameStatus[reason]}`,
    reason,
    type: 'unknown_error',
    value: `coalesce(frame_detail, ${reason === 'unknown_schema_id' ? 'schema_id::VARCHAR' : "'record of ' || value_bytes || ' bytes'"})`,
    since: reason === 'schema_incompatible' ? SECOND : SINCE,
  }
}

/** The four ways in which a price or a quantity can be wrong. */
function amountRules(column: 'price' | 'quantity', type: ErrorType): Rule[] {
  const rule = (name: string, reason: string, predicate: string, value: string): Rule => ({
    name,
    predicate,
    reason,
    type,
    value,
    since: SINCE,
  })
  const status = `${column}_status`
  const text = `${column}_text`
  return [
    rule(`${column}_present`, `${column}_is_null`, `${status} <> ${ParseStatus.missing}`, "'missing'"),
    rule(`${column}_well_formed`, `${column}_malformed`, `${status} <> ${ParseStatus.malformed}`, text),
    rule(
      `${column}_representable`,
      `${column}_not_representable`,
      `${status} <> ${ParseStatus.not_representable}`,
      text,
    ),
    rule(
      `${column}_positive`,
      `${column}_must_be_positive`,
      `${status} <> ${ParseStatus.ok} OR ${column} > 0`,
      `${column}::VARCHAR`,
    ),
  ]
}

const timestampRules: Rule[] = [
  {
    name: 'timestamp_well_formed',
    predicate: `event_time_status NOT IN (${ParseStatus.missing}, ${ParseStatus.malformed})`,
    reason: 'timestamp_malformed',
    type: 'timestamp_validation',
    value: "coalesce(event_time_text, 'missing')",
    since: SINCE,
  },
  {
    name: 'timestamp_in_range',
    predicate: `event_time_status <> ${ParseStatus.not_representable} AND kafka_us IS NOT NULL`,
    reason: 'timestamp_out_of_range',
    type: 'timestamp_validation',
    value: "coalesce(event_time_text, 'the record has no usable Kafka timestamp to judge its time by')",
    since: SINCE,
  },
  {
    name: 'timestamp_not_in_future',
    predicate: `event_time_us IS NULL OR kafka_us IS NULL OR event_time_us <= kafka_us + ${TOLERANCE_US}`,
    reason: 'timestamp_in_future',
    type: 'timestamp_validation',
    value: "event_time_us || ' us, Kafka ' || kafka_us || ' us'",
    since: SINCE,
  },
  {
    name: 'timestamp_not_too_old',
    predicate: `event_time_us IS NULL OR kafka_us IS NULL OR event_time_us >= kafka_us - ${YEAR_US}`,
    reason: 'timestamp_too_old',
    type: 'timestamp_validation',
    value: "event_time_us || ' us, Kafka ' || kafka_us || ' us'",
    since: SINCE,
  },
]

/** K2's rules under K2's names, and those for what it let through. The order decides the reason. */
export const SILVER_RULES = defineRuleSet(
  [
    frameRule('value_is_null'),
    frameRule('record_too_large'),
    frameRule('malformed_wire_frame'),
    frameRule('unknown_schema_id'),
    frameRule('schema_incompatible'),
    frameRule('avro_decode_failed'),
    {
      name: 'event_is_trade',
      predicate: "event_type = 'trade'",
      reason: 'event_is_no_trade',
      type: 'unknown_error',
      value: "coalesce(event_type, 'missing')",
      since: SECOND,
    },
    {
      name: 'symbol_present',
      predicate: `symbol_status <> ${ParseStatus.missing} AND (symbol <> '' OR symbol_status <> ${ParseStatus.ok})`,
      reason: 'symbol_required',
      type: 'symbol_validation',
      value: "'missing'",
      since: SINCE,
    },
    {
      name: 'symbol_well_formed',
      predicate: `symbol_status <> ${ParseStatus.malformed}`,
      reason: 'symbol_malformed',
      type: 'symbol_validation',
      value: 'symbol_text',
      since: SECOND,
    },
    {
      name: 'currency_known',
      predicate: 'currency IS NOT NULL OR symbol IS NULL',
      reason: 'currency_unknown',
      type: 'symbol_validation',
      value: 'symbol',
      since: SINCE,
    },
    ...amountRules('price', 'price_validation'),
    ...amountRules('quantity', 'quantity_validation'),
    ...timestampRules,
    {
      name: 'side_valid',
      predicate: "side IN ('BUY', 'SELL')",
      reason: 'invalid_side',
      type: 'side_validation',
      value: "coalesce(side, side_text, 'missing')",
      since: SINCE,
    },
    {
      name: 'fields_present',
      predicate: 'missing_fields IS NULL',
      reason: 'value_is_null',
      type: 'unknown_error',
      value: "'field ' || missing_fields",
      since: SECOND,
    },
    {
      name: 'trade_id_present',
      predicate: "trade_id <> '' OR symbol IS NULL",
      reason: 'deserialization_failed_or_null_fields',
      type: 'unknown_error',
      value: "'trade_id is missing'",
      since: SINCE,
    },
    {
      name: 'message_id_present',
      predicate: 'message_id IS NOT NULL',
      reason: 'message_id_required',
      type: 'message_id_validation',
      value: "'missing'",
      since: SINCE,
    },
    {
      name: 'asset_class_crypto',
      predicate: "asset_class = 'crypto'",
      reason: 'invalid_asset_class',
      type: 'asset_class_validation',
      value: "coalesce(asset_class, 'missing')",
      since: SINCE,
    },
  ],
  60_000,
)
