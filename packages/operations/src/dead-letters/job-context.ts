import { AssayError, UsageError } from '@assay/core'
import { type Session, withSession } from '@assay/engine'
import type { Lake } from '@assay/lake'
import {
  type BatchLimits,
  DEFAULT_LIMITS,
  type LakeTable,
  type StageContext,
  type TableDefinition,
} from '@assay/pipeline'

/** Works with a session and what a job over tables needs beside it; on abort the session is closed under it. */
export async function withJobContext<T>(
  lake: Lake,
  limits: BatchLimits | undefined,
  work: (context: StageContext) => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  const inSession = async (session: Session): Promise<T> => {
    throwIfStopped(signal)
    return work({
      session,
      clock: lake.clock,
      random: lake.random,
      limits: limits ?? DEFAULT_LIMITS,
      write: async (table, rows, partition) => (await lake.table(table)).write(session, rows, partition),
    })
  }
  return withSession(await lake.engine(), inSession, signal)
}

/** Throws `job_stopped` once the signal has come. */
export function throwIfStopped(signal: AbortSignal | undefined): void {
  if (!signal?.aborted) return
  throw new AssayError('job_stopped', 'the job was stopped before its end', {
    hint: 'what it has committed stays; run it again for the rest',
  })
}

/** A table that has to be there. Throws `table_missing`, having made nothing. */
export async function existingTable(lake: Lake, definition: TableDefinition): Promise<LakeTable> {
  if (await lake.catalog.load(definition.name)) return lake.table(definition)
  throw new UsageError('table_missing', `the lake has no table ${definition.name} yet`, {
    hint: 'the workers make it: run "assay up" first',
  })
}
