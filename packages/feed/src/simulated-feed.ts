import type { Clock } from '@assay/core'
import { type SimulationOptions, type SimulationTally, simulate } from '@assay/exchanges'
import { wireHeader } from '@assay/schema-registry'
import { type FeedTarget, prepareTopic } from './feed-producer.js'
import { Pacer } from './pacer.js'

export interface SimulatedFeedOptions
  extends Pick<
    SimulationOptions,
    | 'exchange'
    | 'count'
    | 'seed'
    | 'symbols'
    | 'skew'
    | 'pareto'
    | 'hot'
    | 'idle'
    | 'duplicates'
    | 'invalid'
    | 'late'
    | 'disorder_ms'
    | 'stall'
    | 'clockJump'
  > {
  /** Records a second, of the clock and of event time; without, all at once with the exchange's usual event times. */
  readonly rate?: number
  /** Event time of the first trade; 2026-01-01 without: fixed, so that a seed always gives the same bytes. */
  readonly startTime_ms?: number
  /** Partitions of the topic, if it has to be made; the target's usual number without. */
  readonly partitions?: number
  readonly signal: AbortSignal
  readonly onProgress: (produced: number) => void
}

/** Exactly what was put into the log. */
export interface SimulatedFeedReport extends SimulationTally {
  readonly exchange: string
  readonly topic: string
  readonly seed: number
  /** Partitions that the topic really has. */
  readonly partitions: number
  /** False when it was aborted before the last record. */
  readonly is_complete: boolean
}

const START_MS = Date.UTC(2026, 0, 1)
const BATCH_RECORDS_MAX = 5_000
/** Batches a second when a rate is kept. */
const BATCHES_PER_SECOND = 5

/** Produces synthetic trades: the same for the same options. */
export async function simulateFeed(
  target: FeedTarget & { readonly clock: Clock },
  options: SimulatedFeedOptions,
): Promise<SimulatedFeedReport> {
  const { exchange, partitions, signal, onProgress, ...simulation } = options
  const schemaId = await prepareTopic(target, exchange, partitions)
  const simulated = simulate({
    startTime_ms: START_MS,
    ...simulation,
    exchange,
    schemaId,
    wireHeader,
    batchRecords: batchRecords(options.rate),
  })
  const pacer = options.rate === undefined ? undefined : new Pacer(target.clock, options.rate)
  let produced = 0
  // The next batch is made only after the last one is in the log, so the tally never tells of more than that.
  for (const batch of simulated.batches) {
    await target.log.produce(exchange.topic, batch)
    produced += batch.count
    onProgress(produced)
    const wait_ms = pacer?.wait_ms(produced, simulated.stalled_ms()) ?? 0
    if (wait_ms > 0 && produced < options.count) await target.clock.sleep(wait_ms, signal)
    if (signal.aborted) break
  }
  const lanes = await target.log.lanes(exchange.topic)
  return {
    exchange: exchange.name,
    topic: exchange.topic,
    seed: options.seed,
    partitions: lanes.length,
    ...simulated.tally(),
    is_complete: produced === options.count,
  }
}

/** Small enough that batches come several times a second, if a rate is kept. */
export function batchRecords(rate: number | undefined): number {
  if (rate === undefined) return BATCH_RECORDS_MAX
  return Math.min(BATCH_RECORDS_MAX, Math.max(1, Math.round(rate / BATCHES_PER_SECOND)))
}
