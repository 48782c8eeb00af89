import type { Lake } from '@assay/lake'
import { RESOLUTIONS_TABLE, type ResolveOptions, resolveDeadLetters } from '@assay/medallion'
import { existingTable, withJobContext } from './job-context.js'
import { queueNamed } from './queues.js'

interface ResolveRequest extends Pick<ResolveOptions, 'which' | 'resolution' | 'note'> {
  /** Name of the queue of dead letters, or of its archive. */
  readonly sourceTable: string
}

/** Closes dead letters without a replay, or opens such ones again; returns how many. Throws `letters_not_found`. */
export async function runResolve(lake: Lake, request: ResolveRequest): Promise<number> {
  const deadLetters = await existingTable(lake, queueNamed(request.sourceTable))
  const resolutions = await lake.table(RESOLUTIONS_TABLE)
  return withJobContext(lake, undefined, (context) =>
    resolveDeadLetters({ ...request, context, deadLetters, resolutions }),
  )
}
