import type { Session } from '@assay/engine'
import type { Exchange } from '@assay/exchanges'
import {
  type BatchLimits,
  bronzeStage,
  bronzeTable,
  DEFAULT_LIMITS,
  GOLD_TABLE,
  goldStage,
  type LakeTable,
  SILVER_RULES,
  type Stage,
  type StageContext,
  silverStage,
  silverTable,
  type TableDefinition,
  Worker,
  type WorkerEvent,
} from '@assay/medallion'
import { DEFAULT_KEY_SET_BYTES } from './defaults.js'
import type { Lake } from './lake.js'

export type Layer = 'bronze' | 'silver' | 'gold'

export interface RunOptions {
  /** Which layers this process works on; all by default. */
  readonly layers?: readonly Layer[]
  /** End when the log is empty and every layer has caught up. */
  readonly drain: boolean
  /** Take upstream tables with another uuid for the old ones, by positions. */
  readonly adopt: boolean
  /** Least time between two commits to a table. */
  readonly interval_ms: number
  readonly limits?: BatchLimits
  readonly keySet_bytes?: number
  readonly onEvent: (event: WorkerEvent) => void
}

const ALL_LAYERS: readonly Layer[] = ['bronze', 'silver', 'gold']

interface Job {
  readonly worker: Worker
  readonly session: Session
  /** Set once the worker has drained its lanes. */
  ended: boolean
}

/**
 * Runs the workers of the chosen layers until the signal or, when draining, until nothing is left. When
 * one of them fails for good the others are stopped, and its error is thrown.
 */
export async function runWorkers(lake: Lake, options: RunOptions, signal: AbortSignal): Promise<void> {
  const failed = new AbortController()
  const either = AbortSignal.any([signal, failed.signal])
  const jobs: Job[] = []
  for (const layer of options.layers ?? ALL_LAYERS) {
    const above = [...jobs]
    const upstreamEnded = options.drain ? () => above.every((job) => job.ended) : undefined
    for (const built of await workersOf(lake, layer, options, upstreamEnded)) jobs.push({ ...built, ended: false })
  }
  const outcomes = await Promise.allSettled(
    jobs.map(async (job) => {
      try {
        await job.worker.run(either)
        job.ended = true
      } catch (error) {
        failed.abort()
        throw error
      } finally {
        await job.session.close()
      }
    }),
  )
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason
}

async function workersOf(
  lake: Lake,
  layer: Layer,
  options: RunOptions,
  upstreamEnded: (() => boolean) | undefined,
): Promise<Built[]> {
  if (layer === 'gold') return [await goldWorker(lake, options, upstreamEnded)]
  const make = layer === 'bronze' ? bronzeWorker : silverWorker
  return Promise.all(lake.exchanges.map((exchange) => make(lake, exchange, options, upstreamEnded)))
}

type Built = Pick<Job, 'worker' | 'session'>
type MakeStage = (context: StageContext, main: LakeTable) => Promise<Stage>

async function buildWorker(
  lake: Lake,
  definition: TableDefinition,
  options: RunOptions,
  upstreamEnded: (() => boolean) | undefined,
  makeStage: MakeStage,
): Promise<Built> {
  const session = await (await lake.engine()).session()
  const main = await lake.table(definition)
  const tables = new Map<string, LakeTable>([[definition.name, main]])
  const context: StageContext = {
    session,
    clock: lake.clock,
    random: lake.random,
    limits: options.limits ?? DEFAULT_LIMITS,
    write: async (table, rows, partition) => {
      const target = tables.get(table.name)
      if (!target) throw new RangeError(`${definition.name} has no side table ${table.name}`)
      return target.write(session, rows, partition)
    },
  }
  const stage = await makeStage(context, main)
  for (const side of stage.sides) tables.set(side.name, await lake.table(side))
  const worker = new Worker({
    stage,
    main,
    sides: tables,
    session,
    clock: lake.clock,
    random: lake.random,
    interval_ms: options.drain ? 0 : options.interval_ms,
    aligned: definition.name.startsWith('bronze'),
    ...(upstreamEnded && { upstreamEnded }),
    onEvent: options.onEvent,
  })
  return { worker, session }
}

function bronzeWorker(
  lake: Lake,
  exchange: Exchange,
  options: RunOptions,
  upstreamEnded?: () => boolean,
): Promise<Built> {
  return buildWorker(lake, bronzeTable(exchange.name), options, upstreamEnded, async (context) =>
    bronzeStage(context, { exchange: exchange.name, topic: exchange.topic, log: lake.log }),
  )
}

function silverWorker(
  lake: Lake,
  exchange: Exchange,
  options: RunOptions,
  upstreamEnded?: () => boolean,
): Promise<Built> {
  return buildWorker(lake, silverTable(exchange.name), options, upstreamEnded, async (context) =>
    silverStage(context, {
      exchange,
      bronze: await lake.table(bronzeTable(exchange.name)),
      registry: lake.registry,
      rules: SILVER_RULES,
      adopt: options.adopt,
    }),
  )
}

function goldWorker(lake: Lake, options: RunOptions, upstreamEnded?: () => boolean): Promise<Built> {
  return buildWorker(lake, GOLD_TABLE, options, upstreamEnded, async (context, gold) =>
    goldStage(context, {
      silvers: await Promise.all(lake.exchanges.map((exchange) => lake.table(silverTable(exchange.name)))),
      gold,
      keySet_bytes: options.keySet_bytes ?? DEFAULT_KEY_SET_BYTES,
      adopt: options.adopt,
    }),
  )
}
