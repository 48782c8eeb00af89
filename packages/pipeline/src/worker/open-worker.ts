import type { HandOver } from '../hand-over/hand-over.js'
import type { StageContext } from '../stage/context.js'
import type { Stage } from '../stage/stage.js'
import type { TableDefinition } from '../table/definition.js'
import type { LakeTable } from '../table/lake-table.js'
import { Worker, type WorkerOptions } from './worker.js'

export interface WorkerParts
  extends Pick<StageContext, 'session' | 'clock' | 'random' | 'limits'>,
    Pick<WorkerOptions, 'interval_ms' | 'aligned' | 'upstreamEnded' | 'onEvent' | 'onTurn' | 'onRecovered'> {
  /** Rows that layers above in this process have just committed. */
  readonly handOver?: HandOver
  /** True when a layer below in this process takes the rows that are handed over. */
  readonly handsOver?: boolean
  /** Names of the tables that the stage reads. */
  readonly upstreams?: readonly string[]
  /** Opens a table, making it if it is missing. */
  readonly table: (definition: TableDefinition) => Promise<LakeTable>
}

export interface OpenedWorker {
  readonly stage: Stage
  readonly main: LakeTable
  /** Every table that the stage writes to, by name. */
  readonly sides: ReadonlyMap<string, LakeTable>
  readonly worker: Worker
}

/** A stage over its tables, and the worker that drives it. */
export async function openWorker(
  parts: WorkerParts,
  definition: TableDefinition,
  makeStage: (context: StageContext, main: LakeTable) => Stage,
): Promise<OpenedWorker> {
  const { session, clock, random, limits, interval_ms, aligned, upstreamEnded, onEvent, onTurn, onRecovered } = parts
  const { handOver, handsOver, upstreams } = parts
  const main = await parts.table(definition)
  const sides = new Map([[definition.name, main]])
  const write: StageContext['write'] = async (table, rows, partition) => {
    const target = sides.get(table.name)
    if (!target) throw new RangeError(`${definition.name} has no side table ${table.name}`)
    return target.write(session, rows, partition)
  }
  const stage = makeStage({ session, clock, random, limits, write, ...(handOver && { handOver }) }, main)
  for (const side of stage.sides) sides.set(side.name, await parts.table(side))
  const worker = new Worker({
    stage,
    main,
    sides,
    session,
    clock,
    random,
    interval_ms,
    aligned,
    ...(handOver && { handOver }),
    ...(handsOver !== undefined && { handsOver }),
    ...(upstreams && { upstreams }),
    ...(upstreamEnded && { upstreamEnded }),
    onEvent,
    ...(onTurn && { onTurn }),
    ...(onRecovered && { onRecovered }),
  })
  return { stage, main, sides, worker }
}
