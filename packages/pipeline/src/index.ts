export {
  badCheckpoint,
  CHECKPOINT_PROPERTY,
  type Checkpoint,
  EMPTY_CHECKPOINT,
  LANES_SUMMARY,
  type LaneCheckpoint,
  type LaneStop,
  type StateMembers,
  type TopicCheckpoint,
} from './checkpoint/checkpoint.js'
export { HandOver } from './hand-over/hand-over.js'
export type { LaneRows } from './hand-over/lane-rows.js'
export { unchangedSince } from './hand-over/unchanged-since.js'
export { concatBytes, concatRecords, type RecordColumns } from './source/concat-records.js'
export { cutLanes, cutPlan, type LanePlan, type LaneRange, lanesAfter } from './source/lane-plan.js'
export { freeLaneId, generationName, type LogLane, type LogLanes, matchLogLanes } from './source/log-lanes.js'
export { isUsableTimestamp, kafkaDay, type LogBatch, readLog } from './source/log-source.js'
export { cutToPartitions } from './source/partition-cut.js'
export { readRows } from './source/read-rows.js'
export { hasBacklog, type LaneFilter, ownedBy, planTableBatch, type TableBatch } from './source/table-source.js'
export { lanesMoved } from './source/trusted-sequence.js'
export { dateText, dayOfDate, timestampColumn, timestampLiteral } from './sql/times.js'
export type { StageContext } from './stage/context.js'
export {
  type Batch,
  type BatchLimits,
  DEFAULT_LIMITS,
  type SideFiles,
  type Stage,
  type StageOutcome,
} from './stage/stage.js'
export {
  type ColumnDefinition,
  type ColumnSpec,
  columnSpecs,
  defineColumns,
  parquetFields,
  sqlType,
  type TableDefinition,
  type TableState,
} from './table/definition.js'
export { sqlTypeOf } from './table/iceberg-types.js'
export { type FileFilter, LakeTable, type PinnedTable, type UpstreamTable } from './table/lake-table.js'
export { loadParts } from './table/load-parts.js'
export type { PollInterval } from './table/polls.js'
export { isReplayLane, laneSql, REPLAY_PREFIX, replayLane } from './table/replay-lane.js'
export { pinTrusted, rollbackState } from './table/rollback.js'
export type { PartitionValue, RowPart, WriteDataFile } from './table/row-source.js'
export { FILE_PATH, FILE_ROW, numberedScanSql, type ScanFile, scanSql } from './table/scan.js'
export { CommitSignals } from './table/signals.js'
export { OLDER_VERSIONS_MS } from './table/table-columns.js'
export { type Aggregate, foldRows, type KeyedPanes, mergePanes, rollUp } from './window/aggregate.js'
export { assignPanes, type Window, windowAt, windowsOf } from './window/assign.js'
export {
  CLOCK_JUMP_MS,
  clockMembers,
  LaneClock,
  type LaneClockState,
  NEW_CLOCK,
  observeTimes,
  readClock,
} from './window/lane-clock.js'
export { mergeSessions, sessionsOf, sessionWindow } from './window/sessions.js'
export {
  advanceWatermark,
  closedBy,
  drainWatermark,
  firstOpenWindow,
  type WatermarkLane,
} from './window/watermark.js'
export { session, sliding, type TumblingSpec, tumbling } from './window/window-spec.js'
export { commitBatch } from './worker/commit-batch.js'
export { isFileGone } from './worker/file-gone.js'
export { compactSmallFiles, dueCompactions } from './worker/maintenance.js'
export { type OpenedWorker, openWorker, type WorkerParts } from './worker/open-worker.js'
export { publishPending } from './worker/publish.js'
export { Worker } from './worker/worker.js'
export { type WorkerEvent, workerEventLine } from './worker/worker-event.js'
