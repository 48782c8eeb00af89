import { type LaneKey, laneKey, type Position, UsageError } from '@assay/core'
import type { Session } from '@assay/engine'
import { EVERY_LANE, type LaneShare } from '@assay/event-log'
import type { Exchange } from '@assay/exchanges'
import {
  type BronzeInput,
  bronzeStage,
  bronzeTable,
  GOLD_TABLE,
  goldStage,
  type RuleSet,
  SILVER_RULES,
  silverStage,
  silverTable,
} from '@assay/medallion'
import {
  type BatchLimits,
  DEFAULT_LIMITS,
  openWorker,
  type TableDefinition,
  type Worker,
  type WorkerEvent,
  type WorkerParts,
} from '@assay/pipeline'
import type { Lake } from './lake.js'
import { DEFAULT_KEY_SET_BYTES } from './settings/defaults.js'

export type Layer = 'bronze' | 'silver' | 'gold'

export interface RunOptions {
  /** Which layers this process works on; all by default. */
  readonly layers?: readonly Layer[]
  /** End when every layer has all that the log held at the start; what is produced meanwhile is left to the next run. */
  readonly drain: boolean
  /** Take upstream tables with another uuid for the old ones, by positions. */
  readonly adopt: boolean
  /** Share the lanes of bronze and silver out among the processes that say so; all lanes without. */
  readonly shareLanes?: boolean
  /** Least time between two commits to a table. */
  readonly interval_ms: number
  readonly limits?: BatchLimits
  /** What silver judges by; `SILVER_RULES` unless given. */
  readonly rules?: RuleSet
  readonly keySet_bytes?: number
  readonly onEvent: (event: WorkerEvent) => void
  /** Called after every turn of a worker's loop, outages included. */
  readonly onTurn?: (worker: string) => void
  /** Called when a worker's outage is over. */
  readonly onRecovered?: (worker: string, outage_ms: number) => void
}

const ALL_LAYERS: readonly Layer[] = ['bronze', 'silver', 'gold']

interface Job {
  readonly worker: Worker
  readonly session: Session
  readonly share: LaneShare
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
  for (const layer of options.layers ?? ALL_LAYERS) {
    const above = [...jobs]
    const upstreamEnded = options.drain ? () => above.every((job) => job.ended) : undefined
    for (const open of openersOf(lake, layer, { ...options, ...(until && { until }) }))
      jobs.push({ ...(await open(upstreamEnded)), ended: false })
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
        await job.share.close()
        await job.session.close()
      }
    }),
  )
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason
}

/** Where the lanes of every exchange end now. */
async function logEnds(lake: Lake): Promise<ReadonlyMap<LaneKey, Position>> {
  const statuses = await Promise.all(lake.exchanges.map(({ topic }) => lake.log.lanes(topic)))
  return new Map(statuses.flat().map(({ lane, end }) => [laneKey(lane), end]))
}

type OpenOptions = RunOptions & Pick<BronzeInput, 'until'>

type Open = (upstreamEnded: (() => boolean) | undefined) => Promise<Omit<Job, 'ended'>>

function openersOf(lake: Lake, layer: Layer, options: OpenOptions): Open[] {
  switch (layer) {
    case 'bronze':
      return lake.exchanges.map((exchange) => (upstreamEnded) => openBronze(lake, exchange, options, upstreamEnded))
    case 'silver':
      return lake.exchanges.map((exchange) => (upstreamEnded) => openSilver(lake, exchange, options, upstreamEnded))
    case 'gold':
      return [(upstreamEnded) => openGold(lake, options, upstreamEnded)]
  }
}

async function workerParts(lake: Lake, options: RunOptions, upstreamEnded?: () => boolean): Promise<WorkerParts> {
  return {
    session: await (await lake.engine()).session(),
    clock: lake.clock,
    random: lake.random,
    limits: options.limits ?? DEFAULT_LIMITS,
    interval_ms: options.drain ? 0 : options.interval_ms,
    ...(upstreamEnded && { upstreamEnded }),
    onEvent: options.onEvent,
    ...(options.onTurn && { onTurn: options.onTurn }),
    ...(options.onRecovered && { onRecovered: options.onRecovered }),
    table: (definition) => lake.table(definition),
  }
}

/** The group is named by the table's identity: two lakes on one log must not share lanes out between them. */
async function shareOf(
  lake: Lake,
  definition: TableDefinition,
  topic: string,
  options: RunOptions,
): Promise<LaneShare> {
  if (!options.shareLanes) return EVERY_LANE
  const { uuid } = await (await lake.table(definition)).pin()
  return lake.log.share(`assay-${definition.name}-${uuid}`, topic)
}

/** Throws `topic_refused` for a topic that can't be read as it is set up. */
async function inspectTopic({ log }: Lake, { name, topic }: Exchange, { onEvent }: RunOptions): Promise<void> {
  if (!log.inspectTopic || (await log.lanes(topic)).length === 0) return
  for (const { severity, setting, value, message } of await log.inspectTopic(topic)) {
    const text = `topic ${topic} has ${setting}=${value}: ${message}`
    if (severity === 'warn') onEvent({ kind: 'topic_warning', worker: `bronze-${name}`, message: text })
    else throw new UsageError('topic_refused', text, { hint: 'change the setting of the topic, then start again' })
  }
}

async function openBronze(
  lake: Lake,
  exchange: Exchange,
  options: OpenOptions,
  upstreamEnded?: () => boolean,
): Promise<Omit<Job, 'ended'>> {
  const definition = bronzeTable(exchange.name)
  await inspectTopic(lake, exchange, options)
  await lake.log.prepare?.(exchange.topic)
  const share = await shareOf(lake, definition, exchange.topic, options)
  const parts = await workerParts(lake, options, upstreamEnded)
  const { worker } = await openWorker(parts, definition, (context) =>
    bronzeStage(context, {
      exchange: exchange.name,
      topic: exchange.topic,
      log: lake.log,
      share,
      ...(options.until && { until: options.until }),
      onLanes: (statuses) => lake.arrivals.note(statuses),
    }),
  )
  return { worker, session: parts.session, share }
}

async function openSilver(
  lake: Lake,
  exchange: Exchange,
  options: RunOptions,
  upstreamEnded?: () => boolean,
): Promise<Omit<Job, 'ended'>> {
  const definition = silverTable(exchange.name)
  const bronze = await lake.table(bronzeTable(exchange.name))
  const share = await shareOf(lake, definition, exchange.topic, options)
  const parts = await workerParts(lake, options, upstreamEnded)
  const { worker } = await openWorker(parts, definition, (context) =>
    silverStage(context, {
      exchange,
      bronze,
      registry: lake.registry,
      share,
      rules: options.rules ?? SILVER_RULES,
      adopt: options.adopt,
    }),
  )
  return { worker, session: parts.session, share }
}

async function openGold(lake: Lake, options: RunOptions, upstreamEnded?: () => boolean): Promise<Omit<Job, 'ended'>> {
  const silvers = await Promise.all(lake.exchanges.map((exchange) => lake.table(silverTable(exchange.name))))
  const parts = await workerParts(lake, options, upstreamEnded)
  const { worker } = await openWorker(parts, GOLD_TABLE, (context, gold) =>
    goldStage(context, {
      silvers,
      gold,
      keySet_bytes: options.keySet_bytes ?? DEFAULT_KEY_SET_BYTES,
      adopt: options.adopt,
    }),
  )
  return { worker, session: parts.session, share: EVERY_LANE }
}
