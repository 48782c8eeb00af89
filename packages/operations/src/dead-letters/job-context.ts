import { UsageError } from '@assay/core'
import type { Session } from '@assay/engine'
import type { Lake } from '@assay/lake'
import {
  type BatchLimits,
  DEFAULT_LIMITS,
  type LakeTable,
  type StageContext,
  type TableDefinition,
} from '@assay/pipeline'

/** Works with a session and what a job over tables needs beside it. */
export async function withJobContext<T>(
  lake: Lake,
  limits: BatchLimits | undefined,
  work: (context: StageContext) => Promise<T>,
): Promise<T> {
  const session: Session = await (await lake.engine()).session()
  try {
    return await work({
      session,
      clock: lake.clock,
      random: lake.random,
      limits: limits ?? DEFAULT_LIMITS,
      write: async (table, rows, partition) => (await lake.table(table)).write(session, rows, partition),
    })
  } finally {
    await session.close()
  }
}

/** A table that has to be there. Throws `table_missing`, having made nothing. */
export async function existingTable(lake: Lake, definition: TableDefinition): Promise<LakeTable> {
  if (await lake.catalog.load(definition.name)) return lake.table(definition)
  throw new UsageError('table_missing', `the lake has no table ${definition.name} yet`, {
    hint: 'the workers make it: run "assay up" first',
  })
}
