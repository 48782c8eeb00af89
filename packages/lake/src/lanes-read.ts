import { AssayError } from '@assay/core'
import type { EventLog, LaneStatus } from '@assay/event-log'
import type { LayerWorker } from '@assay/medallion'

/** The log's lanes that a worker reads; none where an optional one's topic is refused to us. */
export async function lanesRead(
  log: EventLog,
  { topic, isOptional }: Pick<LayerWorker, 'topic' | 'isOptional'>,
): Promise<readonly LaneStatus[]> {
  if (topic === undefined) return []
  try {
    return await log.lanes(topic)
  } catch (error) {
    if (isOptional && error instanceof AssayError && !error.retryable) return []
    throw error
  }
}
