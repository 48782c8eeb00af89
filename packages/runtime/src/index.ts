export { readConfig, readLakeParts, type ServiceConfig } from './config.js'
export { configurationPage } from './config-page.js'
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
export { logTopicOf } from './report/log-lanes.js'
export {
  type DeadLetterRate,
  type LaneProgress,
  type StatusReport,
  type StoppedLane,
  statusReport,
} from './report/status-report.js'
export { type LaneReport, type TableReport, tableReport } from './report/table-report.js'
export { type Layer, type RunOptions, runWorkers } from './run-workers.js'
export { runService, type ServiceHost, type ServiceOptions } from './service.js'
