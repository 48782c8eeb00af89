export { type OnS3Request as OnStoreRequest, S3_OPERATIONS as STORE_OPERATIONS } from '@assay/object-store'
export { keepAtIt } from './keep-at-it.js'
export { type Lake, type LakeOptions, openLake, tableDefinitions } from './lake.js'
export { type ExistingTable, ofTable, pinExisting, type TableProblem } from './loaded-tables.js'
export { lakeHome, readerOf } from './open-parts.js'
export { type Layer, runWorkers } from './run-workers.js'
export { readConfig, readLakeParts, readLiveSymbols, readMarkets, type ServiceConfig } from './settings/config.js'
export { configurationPage } from './settings/config-page.js'
export { DEFAULT_COMMIT_INTERVAL_MS, DEFAULT_KEY_SET_BYTES } from './settings/defaults.js'
export { embeddedParts, type LakeParts } from './settings/lake-parts.js'
export { markdownTable } from './settings/markdown-table.js'
export { LogArrivals } from './status/log-arrivals.js'
export { isSuperseded, logTopicOf } from './status/log-lanes.js'
export {
  type DeadLetterRate,
  type LaneProgress,
  resumeAt,
  type StatusReport,
  type StoppedLane,
  statusReport,
} from './status/status-report.js'
export { type TableReport, tableReport } from './status/table-report.js'
export { noticeText } from './table-notice.js'
