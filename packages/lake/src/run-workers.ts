import { AssayError, type LaneKey, laneKey, type Position, UsageError } from '@assay/core'
import type { Session } from '@assay/engine'
import { EVERY_LANE, type LaneAssignment } from '@assay/event-log'
import type { Layer, LayerSettings, LayerWorker } from '@assay/medallion'
import {
  type BatchLimits,
  DEFAULT_LIMITS,
  HandOver,
  openWorker,
  type Worker,
  type WorkerEvent,
  type WorkerParts,
} from '@assay/pipeline'
import { SILVER_RULES } from '@assay/rules'
import type { Lake } from './lake.js'
import { lanesRead } from './lanes-read.js'
import { DEFAULT_KEY_SET_BYTES } from './settings/defaults.js'

interface RunOptions extends Partial<Pick<LayerSettings, 'rules' | 'keySet_bytes'>> {
  /** Which layers this process works on; all of the lake's by default. */
  readonly layers?: readonly Layer[]
  /**
   * End when every layer has all that the log held at the start; what is produced meanwhile is left to the next run.
   */
  readonly drain: boolean
  /** Take upstream tables with another uuid for the old ones, by positions. */
  readonly adopt: boolean
  /** Share lanes out among the processes that say so, where a layer can; all lanes without. */
  readonly assignLanes?: boolean
  /** Least time between two commits to a table. */
  readonly interval_ms: number
  readonly limits?: BatchLimits
  /** What the rows that one layer hands to the next in memory may take, for each table; with 0 all goes by files. */
  readonly handOver_bytes?: number
  readonly onEvent: (event: WorkerEvent) => void
  /** Called after every turn of a worker's loop, outages included. */
  readonly onTurn?: (worker: string) => void
  /** Called when a worker's outage is over. */
  readonly onRecovered?: (worker: string, outage_ms: number) => void
}

/** Two full batches of either table. */
const HAND_OVER_BYTES = 48 * 2 ** 20

interface Job {
  readonly worker: Worker
  readonly isOptional: boolean
  readonly session: Session
  readonly assignment: LaneAssignment
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
  const until = options.drain ? await logEnds(lake) : undefined
  const layers = options.layers ?? lake.layers
  const handOver = new HandOver({ clock: lake.clock, bytesMax: options.handOver_bytes ?? HAND_OVER_BYTES })
  const readHere = upstreamNames(lake, layers)
  for (const layer of layers) {
    const above = [...jobs]
    const upstreamEnded = options.drain ? () => above.every((job) => job.ended) : undefined
    const how = {
      ...options,
      handOver,
      aligned: layer.isAligned,
      ...(until && { until }),
      ...(upstreamEnded && { upstreamEnded }),
    }
    for (const worker of layer.workers(lake.exchanges)) {
      const handsOver = readHere.has(worker.main.name)
      const upstreams = worker.upstreams.map(({ definition }) => definition.name)
      const { isOptional = false } = worker
      const opening = openJob(lake, worker, { ...how, handsOver, upstreams })
      const opened = await (isOptional ? opening.catch(leaveOut(worker.name, options)) : opening)
      if (opened) jobs.push({ ...opened, isOptional, ended: false })
    }
  }
  const outcomes = await Promise.allSettled(
    jobs.map(async (job) => {
      try {
        const running = job.worker.run(either)
        await (job.isOptional ? running.catch(leaveOut(job.worker.name, options)) : running)
        job.ended = true
      } catch (error) {
        failed.abort()
        throw error
      } finally {
        await job.assignment.close()
        await job.session.close()
      }
    }),
  )
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason
}

/** What keeps an optional worker from its work is told, and the others go on; what nobody has foreseen is thrown. */
function leaveOut(worker: string, { onEvent }: Pick<RunOptions, 'onEvent'>): (error: unknown) => undefined {
  return (error) => {
    if (!(error instanceof AssayError)) throw error
    onEvent({ kind: 'left_out', worker, error })
  }
}

/** Names of the tables that workers of these layers read. */
function upstreamNames(lake: Lake, layers: readonly Layer[]): ReadonlySet<string> {
  const workers = layers.flatMap((layer) => layer.workers(lake.exchanges))
  return new Set(workers.flatMap(({ upstreams }) => upstreams.map(({ definition }) => definition.name)))
}

/** Where the lanes of every topic that a layer reads end now. */
async function logEnds({ layers, exchanges, log }: Lake): Promise<ReadonlyMap<LaneKey, Position>> {
  const workers = layers.flatMap((layer) => layer.workers(exchanges))
  const statuses = await Promise.all(workers.map((worker) => lanesRead(log, worker)))
  return new Map(statuses.flat().map(({ lane, end }) => [laneKey(lane), end]))
}

type OpenOptions = RunOptions &
  Pick<LayerSettings, 'until'> &
  Pick<WorkerParts, 'aligned' | 'upstreamEnded' | 'handOver' | 'handsOver' | 'upstreams'>

async function workerParts(lake: Lake, options: OpenOptions): Promise<WorkerParts> {
  return {
    session: await (await lake.engine()).session(),
    clock: lake.clock,
    random: lake.random,
    limits: options.limits ?? DEFAULT_LIMITS,
    interval_ms: options.drain ? 0 : options.interval_ms,
    aligned: options.aligned,
    ...(options.handOver && { handOver: options.handOver }),
    handsOver: options.handsOver ?? false,
    ...(options.upstreams && { upstreams: options.upstreams }),
    ...(options.upstreamEnded && { upstreamEnded: options.upstreamEnded }),
    onEvent: options.onEvent,
    ...(options.onTurn && { onTurn: options.onTurn }),
    ...(options.onRecovered && { onRecovered: options.onRecovered }),
    table: (definition) => lake.table(definition),
  }
}

async function openJob(
  lake: Lake,
  worker: LayerWorker,
  options: OpenOptions,
): Promise<Omit<Job, 'ended' | 'isOptional'>> {
  const { log, registry } = lake
  if (worker.topic !== undefined) {
    await inspectTopic(lake, worker.name, worker.topic, options.onEvent)
    await log.prepare?.(worker.topic)
  }
  const upstreams = await Promise.all(worker.upstreams.map(({ definition }) => lake.table(definition)))
  const assignment = options.assignLanes ? await assignmentOf(lake, worker) : EVERY_LANE
  const parts = await workerParts(lake, options)
  const settings = {
    rules: options.rules ?? SILVER_RULES,
    keySet_bytes: options.keySet_bytes ?? DEFAULT_KEY_SET_BYTES,
    adopt: options.adopt,
    ...(options.until && { until: options.until }),
  }
  const onLanes: Parameters<LayerWorker['stage']>[1]['onLanes'] = (statuses) => lake.arrivals.note(statuses)
  const opened = await openWorker(parts, worker.main, (context, main) =>
    worker.stage(context, {
      main,
      upstreams,
      assignment,
      log,
      registry,
      onLanes,
      settings,
      ...(options.upstreamEnded && { upstreamEnded: options.upstreamEnded }),
    }),
  )
  return { worker: opened.worker, session: parts.session, assignment }
}

/** The group is named by the table's identity: two lakes on one log must not share lanes out between them. */
async function assignmentOf(
  lake: Lake,
  { main, exchange, topic = exchange?.topic }: LayerWorker,
): Promise<LaneAssignment> {
  if (topic === undefined) return EVERY_LANE
  const { uuid } = await (await lake.table(main)).pin()
  return lake.log.assign(`assay-${main.name}-${uuid}`, topic)
}

/** Throws `topic_refused` for a topic that can't be read as it is set up. */
async function inspectTopic(
  { log }: Lake,
  worker: string,
  topic: string,
  onEvent: RunOptions['onEvent'],
): Promise<void> {
  if (!log.inspectTopic || (await log.lanes(topic)).length === 0) return
  for (const { severity, setting, value, message } of await log.inspectTopic(topic)) {
    const text = `topic ${topic} has ${setting}=${value}: ${message}`
    if (severity === 'warn') onEvent({ kind: 'topic_warning', worker, message: text })
    else throw new UsageError('topic_refused', text, { hint: 'change the setting of the topic, then start again' })
  }
}
