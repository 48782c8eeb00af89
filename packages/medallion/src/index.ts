export { SYMBOL_KEY_SQL, sameTradeSql, TRADE_KEY, TRADE_KEY_COLUMNS } from '@assay/deduplication'
export { acceptGap } from './bronze/accept-gap.js'
export { bronzeStage } from './bronze/bronze-stage.js'
export { bronzeTable } from './bronze/bronze-table.js'
export { GAPS_TABLE } from './bronze/gaps.js'
export { bronzeLayer } from './bronze/layer.js'
export { candlesLayer } from './candles/layer.js'
export { sessionsSql } from './candles/sessions.js'
export {
  type Correction,
  correctionRegistry,
  correctRecords,
  parseCoordinate,
  parseCorrection,
  parseRecordedCorrection,
} from './dead-letters/correction.js'
export { type ReplayReport, replay } from './dead-letters/replay.js'
export { type ResolveOptions, resolveDeadLetters } from './dead-letters/resolve.js'
export {
  ARCHIVE_DAYS,
  countRetention,
  HOT_DAYS,
  type RetentionReport,
  retainDeadLetters,
} from './dead-letters/retention.js'
export { coordinateText, type DeadLetterCoordinates } from './dead-letters/select-dead-letters.js'
export { TRADE_GAPS_TABLE } from './gold/gaps/trade-gaps-table.js'
export { goldStage } from './gold/gold-stage.js'
export { DUPLICATES_TABLE, GOLD_TABLE } from './gold/gold-tables.js'
export { goldLayer } from './gold/layer.js'
export { type Layer, type LayerSettings, type LayerWorker, tablesOf, type View } from './layer.js'
export { LAYERS, type LayerName } from './layers.js'
export { REF_SYMBOLS_TABLE } from './reference/ref-symbols-table.js'
export {
  compareSymbols,
  givenSymbols,
  replaceSymbols,
  type SymbolChanges,
  type SymbolRow,
} from './reference/replace-symbols.js'
export { checkRules } from './rule-trials/check-rules.js'
export { type RuleTestReport, testRules } from './rule-trials/dry-run-rules.js'
export {
  type DeadLetterFilter,
  filterSql,
  openDeadLettersSql,
  purgedDeadLettersSql,
} from './silver/dead-letter-filter.js'
export { DLQ_ARCHIVE_TABLE, REPLAYS_TABLE, RESOLUTIONS_TABLE, SILVER_SIDES } from './silver/dead-letter-tables.js'
export { decoderLookup } from './silver/decode.js'
export { describeDamage, describeFrame, RECORD_BYTES_MAX } from './silver/frame-detail.js'
export { readLaneState } from './silver/lanes/lane-state.js'
export { silverLayer } from './silver/layer.js'
export { parseMessageId } from './silver/rows/message-id.js'
export { type SchemaUnknown, silverStage } from './silver/silver-stage.js'
export { DLQ_TABLE, RULE_SETS_TABLE, silverTable } from './silver/silver-tables.js'
export { writeRuleSets } from './silver/write.js'
export { tablesPage } from './tables-page.js'
