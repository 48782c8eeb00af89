export { type Candle, type CandleRequest, lookAtCandles, SHOWN_SIZES } from './candles/look-at-candles.js'
export { type ReconcileReport, runReconcile } from './candles/reconcile-job.js'
export {
  countDeadLetters,
  type DeadLetterGroup,
  type DeadLetterReport,
  showDeadLetter,
} from './dead-letters/dead-letters.js'
export {
  type DeadLetterDay,
  type DeadLetterList,
  listDeadLetters,
  openDeadLetterDays,
} from './dead-letters/list-dead-letters.js'
export { type ReplayRequest, runReplay } from './dead-letters/replay-job.js'
export { runResolve } from './dead-letters/resolve-job.js'
export { type Examination, examine } from './doctor/examine.js'
export type { Finding, Verdict } from './doctor/judge/finding.js'
export { acceptLoss } from './gaps/accept-loss.js'
export type { LatenessCounts, Share } from './lateness/count-lateness.js'
export { type ExchangeLateness, tuneLateness } from './lateness/tune-lateness.js'
export {
  loadReference,
  parseReference,
  REFERENCE_BYTES_MAX,
  type ReferenceReport,
} from './reference/reference-job.js'
export { type MaintenanceTask, maintainTables, setPaused, type TableMaintenance } from './retention/maintain-job.js'
export { type RelocatedTable, relocateLake } from './retention/relocate-job.js'
export { runRetention } from './retention/retention-job.js'
export { retainInTurns } from './retention/retention-turns.js'
export { readRules, testRulesOn } from './rules/rules-job.js'
