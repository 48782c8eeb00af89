export { readConfig, readLakeParts, readLiveSymbols, type ServiceConfig } from './config.js'
export { configurationPage } from './config-page.js'
export { DEFAULT_COMMIT_INTERVAL_MS } from './defaults.js'
export { countLetters, type LetterGroup, type LetterReport, showLetter } from './dlq/dead-letters.js'
export { type ReplayRequest, runReplay } from './dlq/replay-job.js'
export { type ResolveRequest, runResolve } from './dlq/resolve-job.js'
export type { FeedEvent } from './feed/feed-event.js'
export { type LiveFeedOptions, type LiveFeedTarget, runLiveFeed } from './feed/live/live-feed.js'
export type { ConnectSocket, LiveSocket, SocketEvents, SocketLimits } from './feed/live/socket.js'
export { type LoadOptions, type LoadReport, loadSources, type Refusal } from './feed/load.js'
export {
  type SimulatedFeedOptions,
  type SimulatedFeedReport,
  simulateFeed,
} from './feed/simulated-feed.js'
export { type LineSource, openSources, STANDARD_INPUT } from './feed/sources.js'
export { type FeedMode, runFeed, type SimulatedLoad } from './feed/standing-feed.js'
export { type Lake, type LakeOptions, openLake, tableDefinitions } from './lake.js'
export { embeddedParts, type LakeParts } from './lake-parts.js'
export { type AsOf, parseAsOf } from './query/as-of.js'
export { openQuery, type Query, type QueryOptions, type QueryResult } from './query/open-query.js'
export type { TableComparison } from './rebuild/compare-lakes.js'
export { type RebuildOptions, type RebuildReport, rebuildLake } from './rebuild/rebuild.js'
export { logTopicOf } from './report/log-lanes.js'
export {
  type DeadLetterRate,
  type LaneProgress,
  type StatusReport,
  type StoppedLane,
  statusReport,
} from './report/status-report.js'
export { type LaneReport, type TableReport, tableReport } from './report/table-report.js'
export { type Chore, maintainTables, setPaused, type TableMaintenance } from './retention/maintain-job.js'
export { runRetention } from './retention/retention-job.js'
export { readRules, testRulesOn } from './rules/rules-job.js'
export { type Layer, type RunOptions, runWorkers } from './run-workers.js'
export { runService, type ServiceHost, type ServiceName, type ServiceOptions } from './service.js'
export type { DecodedRecord } from './trace/decode-record.js'
export type { TableRows } from './trace/table-row.js'
export { type TracedRecord, type TraceReport, traceTarget } from './trace/trace.js'
export { parseTraceTarget, type TraceTarget } from './trace/trace-target.js'
export type { Check, VerifyReport } from './verify/check.js'
export { type VerifyOptions, verifyLake } from './verify/verify.js'
