import { errorFields, type LogLine, messageOf } from '@assay/core'
import type { Batch } from '../stage/stage.js'

/** What a worker tells of itself, for logs, metrics and the console. */
export type WorkerEvent =
  | {
      readonly kind: 'committed'
      readonly worker: string
      readonly counts: Batch['counts']
      readonly breakdowns?: Batch['breakdowns']
      readonly duration_ms: number
      readonly sequence: number
    }
  | { readonly kind: 'refused'; readonly worker: string; readonly reason: string }
  | { readonly kind: 'outage'; readonly worker: string; readonly error: unknown; readonly retry_ms: number }
  /** A worker can't go on, and the others do without it until the next start. */
  | { readonly kind: 'left_out'; readonly worker: string; readonly error: unknown }
  /** A topic is set up in a way that loses what was meant to be kept. */
  | { readonly kind: 'topic_warning'; readonly worker: string; readonly message: string }
  /** An older version of Assay works on a table that has, or shall have, columns which it does not know. */
  | { readonly kind: 'table_warning'; readonly worker: string; readonly table: string; readonly message: string }
  | { readonly kind: 'lane_stopped'; readonly worker: string; readonly lane: string; readonly reason: string }

/** Commits and lost races are everyday business; the rest is what an operator should know. */
export function workerEventLine(event: WorkerEvent): LogLine {
  const { worker } = event
  switch (event.kind) {
    case 'committed': {
      const { counts, breakdowns, duration_ms, sequence } = event
      return {
        level: 'debug',
        fields: { worker, ...counts, ...breakdowns, duration_ms, sequence },
        message: 'committed',
      }
    }
    case 'refused':
      return {
        level: 'debug',
        fields: { worker, reason: event.reason },
        message: 'commit refused: starting from the table again',
      }
    case 'outage':
      return {
        level: 'warn',
        fields: { worker, retry_ms: Math.round(event.retry_ms), ...errorFields(event.error) },
        message: `outage, trying again: ${messageOf(event.error)}`,
      }
    case 'left_out':
      return {
        level: 'warn',
        fields: { worker, ...errorFields(event.error) },
        message: `left out until the next start, the others go on: ${messageOf(event.error)}`,
      }
    case 'topic_warning':
      return { level: 'warn', fields: { worker }, message: event.message }
    case 'table_warning':
      return { level: 'warn', fields: { worker, table: event.table }, message: event.message }
    case 'lane_stopped':
      return {
        level: 'error',
        fields: { worker, lane: event.lane, reason: event.reason },
        message: 'lane stopped: "assay status" tells what was lost, "assay gaps accept" goes past it',
      }
  }
}
