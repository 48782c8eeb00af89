import type { Lake } from '@assay/lake'
import { pinExisting } from '@assay/lake'
import {
  countRetention,
  DLQ_ARCHIVE_TABLE,
  DLQ_TABLE,
  RESOLUTIONS_TABLE,
  type RetentionReport,
  retainDeadLetters,
} from '@assay/medallion'
import type { StageContext } from '@assay/pipeline'
import { withJobContext } from '../dead-letters/job-context.js'

/**
 * Moves dead letters past their time to the archive, and purges the archive; a dry run counts and makes nothing. Throws
 * `job_stopped` or `session_closed` on abort.
 */
export async function runRetention(lake: Lake, dryRun: boolean, signal?: AbortSignal): Promise<RetentionReport> {
  const queue = (await pinExisting(lake, DLQ_TABLE))?.table
  if (!queue) return { archived: 0, purged: 0 }
  const work = async ({ session, clock, write }: StageContext): Promise<RetentionReport> => {
    if (dryRun) {
      const archive = (await pinExisting(lake, DLQ_ARCHIVE_TABLE))?.table
      const resolutions = (await pinExisting(lake, RESOLUTIONS_TABLE))?.table
      return countRetention({ session, clock, queue }, archive, resolutions)
    }
    const archive = await lake.table(DLQ_ARCHIVE_TABLE)
    const resolutions = await lake.table(RESOLUTIONS_TABLE)
    return retainDeadLetters({ session, clock, write, queue, archive, resolutions })
  }
  return withJobContext(lake, undefined, work, signal)
}
