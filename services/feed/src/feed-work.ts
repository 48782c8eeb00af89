import type { Clock } from '@assay/core'
import type { FeedEvent } from '@assay/feed'
import { runFeed, runLiveFeed } from '@assay/feed'
import { logCheck, registryCheck, type ServiceParts, type ServiceWork } from '@assay/host'
import type { Lake } from '@assay/lake'
import { feedLog } from './feed-log.js'
import { FeedMetrics } from './feed-metrics.js'
import { addClosedIngestRoute, addIngestRoute } from './ingest/ingest.js'

/** How often a message that was not understood is logged; the metrics count all of them. */
const REFUSAL_LOG_MS = 60_000
const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|::1)$/

/** Trades into the log: live or simulated ones, and what is sent to the ingest. */
export function feedWork(parts: ServiceParts): ServiceWork {
  const { config, clock, log, registry, server, liveness, readiness } = parts
  const metrics = new FeedMetrics(registry, config.exchanges)
  const isTime = perExchange(clock, REFUSAL_LOG_MS)
  const logEvent = feedLog(log, clock)
  const onEvent = (event: FeedEvent): void => {
    metrics.onEvent(event)
    if (event.kind !== 'progress' || event.refused === 0 || isTime(event.exchange)) logEvent(event)
    else logEvent({ ...event, refused: 0 })
    if (event.kind === 'outage') readiness.waits(`feed-${event.exchange}`, event.error)
    if (event.kind === 'progress') readiness.goesOn(`feed-${event.exchange}`)
    if (event.kind !== 'heartbeats_failed') liveness.heartbeat(event.exchange)
  }
  if (config.feed.ingestTokens.length > 0 || LOOPBACK.test(config.http.host)) {
    addIngestRoute(server, {
      target: parts.lake,
      exchanges: config.exchanges,
      tokens: config.feed.ingestTokens,
      onEvent: (event) => metrics.onIngest(event),
    })
  } else addClosedIngestRoute(server)
  return {
    loops: config.feed.source === 'none' ? [] : config.exchanges,
    checks: (lake) => ({ ...logCheck(lake), ...registryCheck(lake) }),
    refresh: async () => undefined,
    run: (lake, signal) => runSource(lake, config.feed, onEvent, signal),
  }
}

/** True at most once in so long for each exchange: a feed that has changed its format refuses every message. */
function perExchange(clock: Clock, interval_ms: number): (exchange: string) => boolean {
  const last_ms = new Map<string, number>()
  return (exchange) => {
    const now_ms = clock.monotonic_ms()
    if (now_ms - (last_ms.get(exchange) ?? Number.NEGATIVE_INFINITY) < interval_ms) return false
    last_ms.set(exchange, now_ms)
    return true
  }
}

function runSource(
  lake: Lake,
  { source, symbols, rate, skew, burst }: ServiceParts['config']['feed'],
  onEvent: (event: FeedEvent) => void,
  signal: AbortSignal,
): Promise<void> {
  switch (source) {
    case 'live':
      return runLiveFeed(lake, { symbols, onEvent }, signal)
    case 'simulated': {
      const load = { ...(rate !== undefined && { rate }), skew, ...(burst && { burst }) }
      return runFeed(lake, 'simulated', onEvent, signal, load)
    }
    case 'none':
      return new Promise((resolve) => {
        if (signal.aborted) resolve()
        signal.addEventListener('abort', () => resolve(), { once: true })
      })
  }
}
