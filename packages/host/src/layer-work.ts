import { readFile } from 'node:fs/promises'
import { AssayError, type LogLine, messageOf, UsageError } from '@assay/core'
import { exchanges } from '@assay/exchanges'
import { type Lake, runWorkers } from '@assay/lake'
import type { Layer, LayerWorker } from '@assay/medallion'
import { readRules, retainInTurns } from '@assay/operations'
import { extendRules, type RuleSet, SILVER_RULES } from '@assay/rules'
import type { Checks } from './http/health.js'
import { workerLog } from './log.js'
import { LaneMetrics } from './metrics/lane-metrics.js'
import { WorkerMetrics } from './metrics/worker-metrics.js'
import type { ServiceParts, ServiceWork } from './service-work.js'

/** The workers of one layer. */
export function layerWork(layer: Layer): (parts: ServiceParts) => ServiceWork {
  return (parts) => workOf(layer, parts)
}

function workOf(layer: Layer, { config, clock, log, registry, liveness, readiness }: ServiceParts): ServiceWork {
  const ofLayer = layer.workers(exchanges.filter(({ name }) => config.exchanges.includes(name)))
  const workers = new WorkerMetrics(registry, layer, ofLayer)
  const lanes = new LaneMetrics(registry, layer, clock)
  const { onEvent: logEvent, onRecovered } = workerLog(log, clock)
  const loops = ofLayer.filter(({ isOptional }) => !isOptional).map(({ name }) => name)
  return {
    loops,
    checks: (lake) => ({
      ...tableChecks(lake, ofLayer),
      ...(layer.needs.includes('log') && logCheck(lake)),
      ...(layer.needs.includes('registry') && registryCheck(lake)),
    }),
    refresh: (lake) => lanes.refresh(lake),
    run: async (lake, signal) => {
      const rules = layer.needs.includes('rules') && extendRules(await ownRules(lake, config.rulesFile), config.markets)
      const options: Parameters<typeof runWorkers>[1] = {
        ...(rules && { rules }),
        layers: [layer],
        drain: false,
        adopt: config.adopt,
        assignLanes: true,
        interval_ms: config.commitInterval_ms,
        limits: config.limits,
        keySet_bytes: config.keySet_bytes,
        onEvent: (event) => {
          workers.onEvent(event)
          logEvent(event)
          if (event.kind === 'outage') readiness.waits(event.worker, event.error)
        },
        onRecovered: (worker, outage_ms) => {
          readiness.goesOn(worker)
          onRecovered(worker, outage_ms)
        },
        onTurn: (worker) => {
          if (loops.includes(worker)) liveness.heartbeat(worker)
        },
      }
      const work = (either: AbortSignal): Promise<void> => runWorkers(lake, options, either)
      const tell = ({ level, fields, message }: LogLine): void => log[level](fields, message)
      const retain = (either: AbortSignal): Promise<void> => retainInTurns(lake, tell, either)
      await untilOneEnds(layer.deadLetters.length > 0 ? [work, retain] : [work], signal)
    },
  }
}

/** Runs all until the signal, or until one of them ends, which ends the others; throws what ended the first. */
async function untilOneEnds(
  all: readonly ((signal: AbortSignal) => Promise<void>)[],
  signal: AbortSignal,
): Promise<void> {
  const ended = new AbortController()
  const either = AbortSignal.any([signal, ended.signal])
  const outcomes = await Promise.allSettled(all.map((work) => work(either).finally(() => ended.abort())))
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason
}

async function ownRules(lake: Lake, file: string | undefined): Promise<RuleSet> {
  if (file === undefined) return SILVER_RULES
  try {
    return await readRules(lake, await readFile(file, 'utf8'))
  } catch (error) {
    if (error instanceof AssayError) throw error
    throw new UsageError('file_unreadable', `${file} can't be read: ${messageOf(error)}`, {
      hint: 'ASSAY_RULES_FILE names a file of rules; "assay rules test" tells what they would do',
    })
  }
}

function tableChecks(lake: Lake, workers: readonly LayerWorker[]): Checks {
  return {
    store: () => lake.store.size_bytes('ready'),
    catalog: () => Promise.all(workers.map(({ main }) => lake.catalog.load(main.name))),
  }
}

export function logCheck({ log, exchanges }: Lake): Checks {
  return { log: () => Promise.all(exchanges.map(({ topic }) => log.lanes(topic))) }
}

/** No registry gives out this id; that it says so is what is asked for. */
const NO_SCHEMA_ID = 2 ** 31 - 1

export function registryCheck({ registry }: Lake): Checks {
  return { registry: () => registry.schema(NO_SCHEMA_ID) }
}
