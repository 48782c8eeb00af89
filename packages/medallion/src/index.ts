export {
  CHECKPOINT_PROPERTY,
  type Checkpoint,
  type LaneCheckpoint,
  type LaneStop,
  parseCheckpoint,
} from './checkpoint/checkpoint.js'
export { correctRecords, type Fix, fixedRegistry, parseCoordinate, parseFix, parseRecordedFix } from './replay/fix.js'
export { type LetterFilter, openLettersSql } from './replay/letters.js'
export { type ReplayReport, replay } from './replay/replay.js'
export { type ResolveOptions, resolveLetters } from './replay/resolve.js'
export { ARCHIVE_DAYS, countRetention, HOT_DAYS, type RetentionReport, retainLetters } from './replay/retention.js'
export { coordinateOf, type LetterPlace } from './replay/select-letters.js'
export { checkRules } from './rules/check-rules.js'
export { parseRuleSet } from './rules/rule-file.js'
export { defineRuleSet, type Rule, type RuleSet, ruleSetJson } from './rules/rule-set.js'
export { SILVER_RULES } from './rules/silver-rules.js'
export { type RuleTestReport, testRules } from './rules/test-rules.js'
export { type ScanFile, scanSql } from './sql/scan.js'
export { bronzeStage } from './stages/bronze-stage.js'
export type { StageContext } from './stages/context.js'
export { goldStage } from './stages/gold-stage.js'
export { decoderLookup } from './stages/silver/decode.js'
export { messageIds, parseMessageId } from './stages/silver/message-id.js'
export { writeRuleSets } from './stages/silver/write.js'
export { silverStage } from './stages/silver-stage.js'
export { type Batch, type BatchLimits, DEFAULT_LIMITS, type Stage, type StageOutcome } from './stages/stage.js'
export { bronzeTable } from './tables/bronze.js'
export {
  DLQ_ARCHIVE_TABLE,
  REPLAYS_TABLE,
  RESOLUTIONS_TABLE,
  SILVER_SIDES,
} from './tables/dead-letters.js'
export { type ColumnDefinition, parquetFields, sqlType, type TableDefinition } from './tables/definition.js'
export { GAPS_TABLE } from './tables/gaps.js'
export { DUPLICATES_TABLE, GOLD_TABLE } from './tables/gold.js'
export { type FileFilter, LakeTable, type PinnedTable, type UpstreamTable } from './tables/lake-table.js'
export { isReplayLane, replayLane } from './tables/replay-lane.js'
export { checkpointStanding } from './tables/rollback.js'
export { DLQ_TABLE, RULE_SETS_TABLE, silverTable } from './tables/silver.js'
export { TRADE_GAPS_TABLE } from './tables/trade-gaps.js'
export { acceptGap, type GapAcceptance } from './worker/accept-gap.js'
export { isFileGone } from './worker/file-gone.js'
export { foldSmallFiles } from './worker/housekeeper.js'
export { type OpenedWorker, openWorker, type WorkerParts } from './worker/open-worker.js'
export { CommitSignals } from './worker/signals.js'
export { Worker, type WorkerEvent, type WorkerOptions } from './worker/worker.js'
