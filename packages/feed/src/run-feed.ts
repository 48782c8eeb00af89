import { fileURLToPath } from 'node:url'
import { type Clock, isRetryable, type Random } from '@assay/core'
import { type Exchange, simulate } from '@assay/exchanges'
import { wireHeader } from '@assay/schema-registry'
import type { FeedEvent } from './feed-event.js'
import { type FeedTarget, prepareTopic } from './feed-producer.js'
import { HEARTBEAT_MS, Heartbeats } from './heartbeats.js'
import { loadSources } from './load.js'
import { Pacer } from './pacer.js'
import { batchRecords } from './simulated-feed.js'
import { openSources } from './sources.js'

/** What a running lake is fed with: the bundled recorded trades, simulated ones, or the first and then the others. */
export type FeedMode = 'sample' | 'simulated' | 'sample_then_simulated'

/** How simulated trades come; without, as they usually do at the exchange. */
export interface SimulatedLoad {
  /** Records a second of each exchange. */
  readonly rate?: number
  /** Exponent of Zipf's law over the symbols. */
  readonly skew?: number
  /** Bursts: now and then a second at a multiple of the rate. */
  readonly burst?: { readonly factor: number; readonly every_seconds: number }
}

type RunFeedTarget = FeedTarget & {
  readonly clock: Clock
  readonly random: Random
  readonly exchanges: readonly Exchange[]
}

const DUPLICATES = 0.01
const INVALID = 0.001
/** A feed that fell further behind (a sleeping machine) goes on from the present. */
const BEHIND_MAX_MS = 10_000
const RETRY_MS = 1_000

/** Feeds every exchange until the signal aborts, or with `sample` until the samples are in. Outages are waited out. */
export async function runFeed(
  target: RunFeedTarget,
  mode: FeedMode,
  onEvent: (event: FeedEvent) => void,
  signal: AbortSignal,
  load: SimulatedLoad = {},
): Promise<void> {
  await Promise.all(target.exchanges.map((exchange) => feedExchange({ target, exchange, onEvent, signal }, mode, load)))
}

/** One exchange's part of a feed. */
interface ExchangeFeed {
  readonly target: RunFeedTarget
  readonly exchange: Exchange
  readonly onEvent: (event: FeedEvent) => void
  readonly signal: AbortSignal
}

async function feedExchange(feed: ExchangeFeed, mode: FeedMode, load: SimulatedLoad): Promise<void> {
  const { target, exchange, onEvent, signal } = feed
  const rate = load.rate ?? exchange.simulated.events_per_second
  let isSampled = mode === 'simulated'
  while (!signal.aborted) {
    try {
      if (!isSampled) await loadSamples(feed)
      isSampled = true
      if (mode === 'sample') return
      onEvent({ kind: 'simulating', exchange: exchange.name, per_second: rate })
      while (!signal.aborted) {
        for (const part of partsOf(rate, load)) await simulateFromNow(feed, part)
      }
    } catch (error) {
      if (!isRetryable(error)) throw error
      onEvent({ kind: 'outage', exchange: exchange.name, error, retry_ms: RETRY_MS })
      await target.clock.sleep(RETRY_MS, signal)
    }
  }
}

/** Loads the recorded trades into an empty topic; one with records has had them, or is not for them. */
async function loadSamples({ target, exchange, onEvent, signal }: ExchangeFeed): Promise<void> {
  const lanes = await target.log.lanes(exchange.topic)
  if (lanes.some((lane) => lane.end > 0n)) return
  const sources = await openSources(
    exchange.samples.map((url) => fileURLToPath(url)),
    noInput(),
  )
  const { produced } = await loadSources(target, { exchange, sources, signal, onProgress: () => undefined })
  onEvent({ kind: 'sample_loaded', exchange: exchange.name, produced })
}

async function* noInput(): AsyncGenerator<Uint8Array, void, undefined> {}

/** A stretch of simulated trades at one rate. */
interface SimulatedPart {
  readonly rate: number
  readonly count: number
  readonly skew?: number
}

function partsOf(rate: number, { skew, burst }: SimulatedLoad): SimulatedPart[] {
  const shape = skew === undefined ? {} : { skew }
  if (!burst) return [{ ...shape, rate, count: Number.MAX_SAFE_INTEGER }]
  const high = rate * burst.factor
  return [
    { ...shape, rate, count: Math.ceil(rate * (burst.every_seconds - 1)) },
    { ...shape, rate: high, count: Math.ceil(high) },
  ]
}

/** Simulates trades that happen now, until their count, the abort, or until they no longer happen now. */
async function simulateFromNow(
  { target, exchange, onEvent, signal }: ExchangeFeed,
  part: SimulatedPart,
): Promise<void> {
  if (signal.aborted) return
  const { clock, log, random } = target
  const schemaId = await prepareTopic(target, exchange)
  const startTime_ms = Math.floor(clock.now_ms())
  const { batches } = simulate({
    ...part,
    exchange: numberedFrom(exchange, startTime_ms * 1000),
    schemaId,
    wireHeader,
    seed: random.id53() % 2 ** 32,
    startTime_ms,
    duplicates: DUPLICATES,
    invalid: INVALID,
    batchRecords: batchRecords(part.rate),
  })
  const pacer = new Pacer(clock, part.rate)
  const symbols = exchange.simulated.symbols.map(({ symbol }) => symbol)
  const heartbeats = new Heartbeats(target, exchange, symbols, onEvent)
  const connection = random.uuid()
  let produced = 0
  for (const batch of batches) {
    // A trade reaches the log as it happens, never before: until then nothing has.
    const wait_ms = pacer.wait_ms(produced + batch.count - 1)
    for (let left_ms = wait_ms; left_ms > 0 && !signal.aborted; left_ms -= HEARTBEAT_MS) {
      await clock.sleep(Math.min(left_ms, HEARTBEAT_MS), signal)
      if (left_ms > HEARTBEAT_MS) heartbeats.beat(connection, signal)
    }
    if (signal.aborted || wait_ms < -BEHIND_MAX_MS) return
    await log.produce(exchange.topic, batch)
    produced += batch.count
    onEvent({
      kind: 'progress',
      exchange: exchange.name,
      messages: 0,
      records: batch.count,
      refused: 0,
      buffer_bytes: 0,
    })
  }
}

/**
 * The exchange with its simulated trades numbered from above `base`: by the clock in µs, ids of a later run are
 * always greater than those of an earlier one, so no new trade is taken for an old one.
 */
function numberedFrom(exchange: Exchange, base: number): Exchange {
  return { ...exchange, record: (trade) => exchange.record({ ...trade, trade_id: base + trade.trade_id }) }
}
