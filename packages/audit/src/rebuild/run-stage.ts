import { withSession } from '@assay/engine'
import type { Lake } from '@assay/lake'
import {
  type BatchLimits,
  type LakeTable,
  openWorker,
  type Stage,
  type StageContext,
  type TableDefinition,
  type WorkerEvent,
} from '@assay/pipeline'

export interface RebuildContext {
  /** The lake that is rebuilt from; nothing in it is written. */
  readonly source: Lake
  /** The lake that is written to. */
  readonly target: Lake
  readonly limits: BatchLimits
  readonly onEvent: (event: WorkerEvent) => void
  readonly signal: AbortSignal
}

/** Runs a stage on a table of the new lake, by the worker that every stage has, until nothing is left for it. */
export async function runStage(
  { target, limits, onEvent, signal }: RebuildContext,
  definition: TableDefinition,
  makeStage: (context: StageContext, main: LakeTable) => Stage,
): Promise<void> {
  const { clock, random } = target
  return withSession(await target.engine(), async (session) => {
    const { worker } = await openWorker(
      {
        session,
        clock,
        random,
        limits,
        interval_ms: 0,
        aligned: false,
        upstreamEnded: () => true,
        onEvent,
        table: (one) => target.table(one),
      },
      definition,
      makeStage,
    )
    await worker.run(signal)
  })
}
