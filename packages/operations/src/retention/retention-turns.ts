import { AssayError, errorFields, isStopped, type LogLine } from '@assay/core'
import type { Lake } from '@assay/lake'
import type { RetentionReport } from '@assay/medallion'
import { runRetention } from './retention-job.js'

/** The limits are days; who starts and stops often has it done all the same. */
const FIRST_MS = 10 * 60_000
const TURN_MS = 6 * 3_600_000

/**
 * Retention of dead letters beside workers, again and again until the abort. Any number of processes may do it: each
 * dead letter is moved once. What goes wrong ends nobody's work, since nothing waits for it: it is told, and tried again
 * at the next turn. Never rejects for an error of ours.
 */
export async function retainInTurns(lake: Lake, tell: (line: LogLine) => void, signal: AbortSignal): Promise<void> {
  for (let wait_ms = FIRST_MS; ; wait_ms = TURN_MS) {
    await lake.clock.sleep(wait_ms, signal)
    if (signal.aborted) return
    try {
      const report = await retainDue(lake, signal)
      if (report) tell({ level: 'info', fields: { ...report }, message: 'dead letters past their time were moved' })
    } catch (error) {
      if (signal.aborted && isStopped(error)) return
      if (!(error instanceof AssayError)) throw error
      const message = `retention of dead letters failed, and is tried again in ${TURN_MS / 3_600_000} h: ${error.message}`
      tell({ level: 'warn', fields: errorFields(error), message })
    }
  }
}

/** Makes no table and writes nothing while nothing is due. */
async function retainDue(lake: Lake, signal: AbortSignal): Promise<RetentionReport | undefined> {
  const due = await runRetention(lake, true, signal)
  return due.archived + due.purged === 0 ? undefined : runRetention(lake, false, signal)
}
