import { type Clock, isRetryable } from '@assay/core'
import { type Lake, type LakeOptions, noticeText, type openLake } from '@assay/lake'
import { feedWork } from './feed-work.js'
import { addHealthRoutes, Liveness, Readiness } from './http/health.js'
import { listen, newHttpServer } from './http/server.js'
import { layerWork } from './layer-work.js'
import { errorFields, messageOf } from './log.js'
import { addMetricsRoute, newMetrics } from './metrics/metrics.js'
import type { ServiceName } from './run-service.js'
import type { ServiceParts } from './service-work.js'

const BACKOFF_MIN_MS = 500
/** Short, so that after an outage the first try comes soon. */
const BACKOFF_MAX_MS = 5_000
/** A lake that was open for so long was a good one: the next failure is a first one. */
const STABLE_MS = 60_000

type Given = Pick<ServiceParts, 'config' | 'clock' | 'random' | 'log'> & { readonly open: typeof openLake }

/** Answers HTTP and works on the lake until the signal. */
export async function serve(service: ServiceName, given: Given, signal: AbortSignal): Promise<void> {
  const { config, clock, random, log, open } = given
  const onDefect = (error: unknown): void => log.error(errorFields(error), `an answer failed: ${messageOf(error)}`)
  const server = newHttpServer(onDefect)
  const registry = newMetrics()
  const liveness = new Liveness(clock)
  const readiness = new Readiness(clock, onDefect)
  let lake: Lake | undefined
  const parts = { config, clock, random, log, registry, liveness, server, lake: () => lake }
  const work = service === 'feed' ? feedWork(parts) : layerWork(service, parts)
  addHealthRoutes(server, liveness, readiness)
  addMetricsRoute(server, registry, () => work.refresh(lake))
  const workOnce = async (): Promise<void> => {
    for (const loop of work.loops) liveness.beat(loop)
    const { parts, memory_bytes, threads } = config
    const onKafkaEvent: LakeOptions['onKafkaEvent'] = ({ kind, group, message }) => log.info({ kind, group }, message)
    const onFileLogEvent: LakeOptions['onFileLogEvent'] = ({ message, ...event }) => log.warn(event, message)
    const onTableNotice: LakeOptions['onTableNotice'] = (notice) => log.warn({ ...notice }, noticeText(notice))
    const events = { onKafkaEvent, onFileLogEvent, onTableNotice }
    const opened = await open({ parts, clock, random, memory_bytes, threads, ...events })
    try {
      lake = { ...opened, exchanges: opened.exchanges.filter(({ name }) => config.exchanges.includes(name)) }
      readiness.checks = work.checks(lake)
      log.info({ lake: lake.location }, 'started')
      await work.run(lake, signal)
      // Whoever is being answered still needs the lake.
      if (signal.aborted) await within(config.grace_ms / 2, clock, server.close())
    } finally {
      readiness.checks = undefined
      lake = undefined
      await opened.close()
    }
  }
  try {
    log.info({ address: await listen(server, config.http.host, config.http.port) }, 'listening')
    const onOutage = (error: unknown): void => {
      readiness.whyClosed = `${errorFields(error).code}: ${messageOf(error)}`
    }
    await keepAtIt(workOnce, onOutage, given, signal)
  } finally {
    await within(config.grace_ms / 2, clock, server.close())
    registry.clear()
  }
}

/** Waits outages out with growing pauses: parts may be started in any order, and go and come back. */
async function keepAtIt(
  work: () => Promise<void>,
  onOutage: (error: unknown) => void,
  { clock, random, log }: Given,
  signal: AbortSignal,
): Promise<void> {
  for (let failures = 0; !signal.aborted; ) {
    const started_ms = clock.monotonic_ms()
    try {
      await work()
    } catch (error) {
      if (!isRetryable(error)) throw error
      onOutage(error)
      if (clock.monotonic_ms() - started_ms >= STABLE_MS) failures = 0
      const limit_ms = Math.min(BACKOFF_MAX_MS, BACKOFF_MIN_MS * 2 ** failures++)
      const retry_ms = Math.round(limit_ms * (0.5 + random.unit() / 2))
      log.warn({ retry_ms, ...errorFields(error) }, `outage, opening the lake again: ${messageOf(error)}`)
      await clock.sleep(retry_ms, signal)
    }
  }
}

/** Resolves with the work, or when the time is over. */
async function within(limit_ms: number, clock: Clock, work: Promise<unknown>): Promise<void> {
  const done = new AbortController()
  await Promise.race([work, clock.sleep(limit_ms, done.signal)])
  done.abort()
}
