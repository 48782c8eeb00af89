import { AssayError, type Clock, isRetryable, type Random, UsageError } from '@assay/core'
import { DEFAULT_LIMITS, type WorkerEvent } from '@assay/medallion'
import { type DestinationStream, type Logger, pino } from 'pino'
import { readConfig, type ServiceConfig } from './config.js'
import { openLake } from './lake.js'
import { type Layer, runWorkers } from './run-workers.js'

/** What a service touches of the process that it runs in; `process` is one. */
export interface ServiceHost {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly stdout: DestinationStream
  on(signal: 'SIGTERM' | 'SIGINT', listener: () => void): unknown
  /** Ends the process at once. */
  exit(code: number): void
}

export interface ServiceOptions {
  readonly layer: Layer
  readonly clock: Clock
  readonly random: Random
}

const ExitCode = { done: 0, failed: 1, usage: 2, outage: 3, killed: 130 } as const

/**
 * Runs one layer's workers as a service: configured by the environment, logging JSON lines. Resolves to the exit
 * code when a signal has ended it gracefully or when it has failed; never rejects.
 */
export async function runService(options: ServiceOptions, host: ServiceHost): Promise<number> {
  const { layer, clock, random } = options
  const log = openLog(layer, clock, host.stdout)
  const ended = new AbortController()
  try {
    const config = readConfig(host.env)
    log.level = config.logLevel
    const signal = stopSignal(config.grace_ms, clock, log, host, ended.signal)
    const lake = await openLake({
      parts: config.parts,
      clock,
      random,
      memory_bytes: config.memory_bytes,
      threads: config.threads,
    })
    try {
      log.info({ lake: lake.location }, 'started')
      await runWorkers(lake, runOptions(layer, config, log), signal)
    } finally {
      await lake.close()
    }
    log.info('stopped')
    return ExitCode.done
  } catch (error) {
    log.fatal(errorFields(error), messageOf(error))
    return exitCodeOf(error)
  } finally {
    ended.abort()
  }
}

function runOptions(layer: Layer, config: ServiceConfig, log: Logger): Parameters<typeof runWorkers>[1] {
  return {
    layers: [layer],
    drain: false,
    adopt: config.adopt,
    interval_ms: config.commitInterval_ms,
    limits: { ...DEFAULT_LIMITS, maxRows: config.batch_rows, maxBytes: config.batch_bytes },
    keySet_bytes: config.keySet_bytes,
    onEvent: (event) => logEvent(log, event),
  }
}

function openLog(layer: Layer, clock: Clock, stdout: DestinationStream): Logger {
  return pino(
    {
      base: { service: layer },
      timestamp: () => `,"time":"${new Date(clock.now_ms()).toISOString()}"`,
      formatters: { level: (level) => ({ level }) },
    },
    stdout,
  )
}

/** Aborts at the first signal; at the second, or when the grace time is over, the process ends at once. */
function stopSignal(grace_ms: number, clock: Clock, log: Logger, host: ServiceHost, ended: AbortSignal): AbortSignal {
  const stop = new AbortController()
  const onSignal = async (name: string): Promise<void> => {
    if (stop.signal.aborted) return host.exit(ExitCode.killed)
    log.info({ signal: name }, 'stopping')
    stop.abort()
    await clock.sleep(grace_ms, ended)
    if (ended.aborted) return
    log.fatal({ code: 'grace_time_over', hint: 'nothing is half committed: start again' }, 'the stop took too long')
    host.exit(ExitCode.failed)
  }
  for (const name of ['SIGTERM', 'SIGINT'] as const) host.on(name, () => void onSignal(name))
  return stop.signal
}

function logEvent(log: Logger, event: WorkerEvent): void {
  switch (event.kind) {
    case 'committed':
      log.debug({ ...event }, 'committed')
      return
    case 'refused':
      log.debug({ ...event }, 'commit refused: starting from the table again')
      return
    case 'outage':
      log.warn(
        { worker: event.worker, retry_ms: Math.round(event.retry_ms), ...errorFields(event.error) },
        `outage, trying again: ${messageOf(event.error)}`,
      )
      return
    case 'lane_stopped':
      log.error(
        { worker: event.worker, lane: event.lane, reason: event.reason },
        'lane stopped: "assay status" tells what was lost, "assay gaps accept" goes past it',
      )
  }
}

/** An error of ours tells by its code and hint; any other is a defect, found by its stack. */
function errorFields(error: unknown): Record<string, string> {
  if (error instanceof AssayError) return { code: error.code, ...(error.hint !== undefined && { hint: error.hint }) }
  return { code: 'defect', ...(error instanceof Error && error.stack !== undefined && { stack: error.stack }) }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

function exitCodeOf(error: unknown): number {
  if (error instanceof UsageError) return ExitCode.usage
  return isRetryable(error) ? ExitCode.outage : ExitCode.failed
}
