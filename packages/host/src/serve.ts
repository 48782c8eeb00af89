import { type Clock, codeOf, errorFields, messageOf, RepeatLimit } from '@assay/core'
import { keepAtIt, type Lake, type LakeOptions, lakeHome, noticeText, type openLake } from '@assay/lake'
import { addHealthRoutes, Liveness, Readiness, reasonOf } from './http/health.js'
import { listen, newHttpServer } from './http/server.js'
import { addMetricsRoute, newMetrics } from './metrics/metrics.js'
import { StoreMetrics } from './metrics/store-metrics.js'
import type { ServiceParts, ServiceWork } from './service-work.js'

type Given = Pick<ServiceParts, 'config' | 'clock' | 'random' | 'log'> & {
  /** Takes secrets out of what is answered. */
  readonly hide: (text: string) => string
  readonly open: typeof openLake
}

/** Answers HTTP and works on the lake until the signal. */
export async function serve(
  workOf: (parts: ServiceParts) => ServiceWork,
  given: Given,
  signal: AbortSignal,
): Promise<void> {
  const { config, clock, random, log, hide, open } = given
  const onDefect = (error: unknown): void => log.error(errorFields(error), `an answer failed: ${messageOf(error)}`)
  const server = newHttpServer(onDefect, hide)
  const registry = newMetrics()
  const storeMetrics = new StoreMetrics(registry)
  const liveness = new Liveness(clock)
  const readiness = new Readiness(clock, onDefect)
  let lake: Lake | undefined
  const work = workOf({ config, clock, random, log, registry, liveness, readiness, server, lake: () => lake })
  addHealthRoutes(server, liveness, readiness)
  addMetricsRoute(server, registry, () => work.refresh(lake))
  // The lake's folder is remembered over all openings.
  const home = lakeHome(config.parts)
  const outages = new RepeatLimit(clock)
  let isToldOpen = false
  const workOnce = async (): Promise<void> => {
    for (const loop of work.loops) liveness.heartbeat(loop)
    const { parts, memory_bytes, threads } = config
    const onKafkaEvent: LakeOptions['onKafkaEvent'] = ({ kind, group, message }) => log.info({ kind, group }, message)
    const onFileLogEvent: LakeOptions['onFileLogEvent'] = ({ message, ...event }) => log.warn(event, message)
    const onTableNotice: LakeOptions['onTableNotice'] = (notice) => log.warn({ ...notice }, noticeText(notice))
    const events = { onKafkaEvent, onFileLogEvent, onTableNotice, onStoreRequest: storeMetrics.onRequest }
    const given = { parts, clock, random, memory_bytes, threads, commitInterval_ms: config.commitInterval_ms }
    const opened = await open({ ...given, ...events, ...(home && { home }) })
    try {
      lake = { ...opened, exchanges: opened.exchanges.filter(({ name }) => config.exchanges.includes(name)) }
      readiness.checks = work.checks(lake)
      if (!isToldOpen) log.info({ lake: lake.location }, 'started')
      isToldOpen = true
      await work.run(lake, signal)
      // Requests that are being answered still need the lake.
      if (signal.aborted) await within(config.grace_ms / 2, clock, server.close())
    } finally {
      readiness.checks = undefined
      lake = undefined
      await opened.close()
    }
  }
  try {
    log.info({ address: await listen(server, config.http.host, config.http.port) }, 'listening')
    const onOutage = (error: unknown, retry_ms: number, failures: number): void => {
      if (failures === 1) outages.end('lake')
      readiness.whyClosed = reasonOf(error)
      if (!outages.isDue('lake', codeOf(error))) return
      isToldOpen = false
      log.warn({ retry_ms, ...errorFields(error) }, `outage, opening the lake again: ${messageOf(error)}`)
    }
    await keepAtIt(workOnce, { clock, random, onOutage }, signal)
  } finally {
    await within(config.grace_ms / 2, clock, server.close())
    registry.clear()
  }
}

/** Resolves with the work, or when the time is over. */
async function within(limit_ms: number, clock: Clock, work: Promise<unknown>): Promise<void> {
  const done = new AbortController()
  await Promise.race([work, clock.sleep(limit_ms, done.signal)])
  done.abort()
}
