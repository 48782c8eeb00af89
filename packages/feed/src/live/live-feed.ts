import { type Clock, isRetryable, type Random } from '@assay/core'
import type { Exchange } from '@assay/exchanges'
import type { FeedEvent } from '../feed-event.js'
import { FeedProducer, type FeedTarget } from '../feed-producer.js'
import { HEARTBEAT_MS, Heartbeats } from '../heartbeats.js'
import { Follower } from './follower.js'
import { Intake } from './intake.js'
import type { ConnectSocket } from './socket.js'

type LiveFeedTarget = FeedTarget & {
  readonly clock: Clock
  readonly random: Random
  readonly exchanges: readonly Exchange[]
}

export interface LiveFeedOptions {
  /** What to follow, by the exchange's name; an exchange that is not in it has its usual symbols followed. */
  readonly symbols: ReadonlyMap<string, readonly string[]>
  /** How sockets are made, if not by the usual library. */
  readonly connect?: ConnectSocket
  readonly onEvent: (event: FeedEvent) => void
}

const RETRY_MS = 1_000

/**
 * Takes every exchange's own feed into the log until the signal aborts. Trades are delivered at least once; what
 * passes while there is no connection is lost, but for the trades that an exchange repeats at the next one.
 * Throws what can't be mended by waiting.
 */
export async function runLiveFeed(
  target: LiveFeedTarget,
  options: LiveFeedOptions,
  signal: AbortSignal,
): Promise<void> {
  const failed = new AbortController()
  const either = AbortSignal.any([signal, failed.signal])
  const feeds = target.exchanges.map(async (exchange) => {
    try {
      await followExchange(target, exchange, options, either)
    } catch (error) {
      failed.abort()
      throw error
    }
  })
  for (const outcome of await Promise.allSettled(feeds)) if (outcome.status === 'rejected') throw outcome.reason
}

async function followExchange(
  target: LiveFeedTarget,
  exchange: Exchange,
  { symbols, connect, onEvent }: LiveFeedOptions,
  signal: AbortSignal,
): Promise<void> {
  const { clock, random } = target
  const producer = await openProducer(target, exchange, onEvent, signal)
  if (!producer) return
  const intake = new Intake(exchange, producer, clock, onEvent)
  const followed = symbols.get(exchange.name) ?? exchange.live.symbols
  const follower = new Follower({
    exchange,
    symbols: followed,
    connect: connect ?? (await import('./ws-socket.js')).connectWebSocket,
    clock,
    random,
    onText: (text) => intake.take(text),
    onEvent,
  })
  const ended = new AbortController()
  const either = AbortSignal.any([signal, ended.signal])
  const following = follower.run(either)
  const heartbeats = new Heartbeats(target, exchange, followed, onEvent)
  const beating = beatWhileQuiet(heartbeats, { intake, follower, clock }, either)
  await intake.run(follower, signal).finally(() => ended.abort())
  await Promise.all([following, beating])
}

/** Once a second that no trade has come in, and that a connection was open through, is told. */
async function beatWhileQuiet(
  heartbeats: Heartbeats,
  { intake, follower, clock }: { readonly intake: Intake; readonly follower: Follower; readonly clock: Clock },
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    await clock.sleep(HEARTBEAT_MS, signal)
    const connection = follower.listening(HEARTBEAT_MS)
    if (connection !== undefined && intake.isQuiet(HEARTBEAT_MS)) heartbeats.beat(connection, signal)
  }
}

/** Nothing is read before it can be written; undefined on abort. */
async function openProducer(
  target: LiveFeedTarget,
  exchange: Exchange,
  onEvent: (event: FeedEvent) => void,
  signal: AbortSignal,
): Promise<FeedProducer | undefined> {
  while (!signal.aborted) {
    try {
      return await FeedProducer.open(target, exchange)
    } catch (error) {
      if (!isRetryable(error)) throw error
      onEvent({ kind: 'outage', exchange: exchange.name, error, retry_ms: RETRY_MS })
      await target.clock.sleep(RETRY_MS, signal)
    }
  }
  return undefined
}
