export { type OnS3Request as OnStoreRequest, S3_OPERATIONS as STORE_OPERATIONS } from '@assay/object-store'
export { keepAtIt } from './keep-at-it.js'
export { type Lake, type LakeOptions, openLake } from './lake.js'
export { isLakeThere } from './lake-is-there.js'
export { type ExistingTable, ofTable, pinExisting, type TableProblem } from './loaded-tables.js'
export { LogArrivals } from './log-arrivals.js'
export { openCatalog, openLog, openRegistry, openStore, type PartsContext, readerOf } from './open-part.js'
export { lakeHome } from './open-parts.js'
export { leftReadFolders } from './read-folder.js'
export { runWorkers } from './run-workers.js'
export {
  readCommitInterval,
  readConfig,
  readLakeParts,
  readLiveSymbols,
  readMarkets,
  type ServiceConfig,
} from './settings/config.js'
export { configurationPage } from './settings/config-page.js'
export { DEFAULT_COMMIT_INTERVAL_MS, DEFAULT_KEY_SET_BYTES } from './settings/defaults.js'
export { embeddedParts, type LakeParts } from './settings/lake-parts.js'
export { markdownTable } from './settings/markdown-table.js'
export type { DeadLetterRate } from './status/dead-letter-rates.js'
export { exchangeOfLane } from './status/lane-exchange.js'
export type { LaneProgress } from './status/lane-progress.js'
export { isSuperseded, logTopicOf } from './status/log-lanes.js'
export { pausedSince, refuseIfPaused } from './status/pause.js'
export { type StatusReport, statusReport } from './status/status-report.js'
export { resumeAt, type StoppedLane } from './status/stopped-lanes.js'
export { type TableReport, tableReport } from './status/table-report.js'
export { noticeText } from './table-notice.js'
