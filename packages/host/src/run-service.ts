import { type Clock, type Random, UsageError } from '@assay/core'
import type { Layer } from '@assay/lake'
import { openLake, readConfig } from '@assay/lake'
import type { DestinationStream, Logger } from 'pino'
import { errorFields, messageOf, openLog } from './log.js'

/** What a service touches of the process that it runs in; `process` is one. */
export interface ServiceHost {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly stdout: DestinationStream
  on(signal: 'SIGTERM' | 'SIGINT', listener: () => void): unknown
  /** Ends the process at once. */
  exit(code: number): void
}

export type ServiceName = 'feed' | Layer

export interface ServiceOptions {
  readonly service: ServiceName
  readonly clock: Clock
  readonly random: Random
  /** How the lake is opened, if not as its parts say. */
  readonly open?: typeof openLake
}

const ExitCode = { done: 0, failed: 1, usage: 2, killed: 130 } as const

/**
 * Runs a service: configured by the environment, logging JSON lines, answering HTTP. Outages are waited out. Resolves
 * to the exit code when a signal has ended it gracefully or when it has failed; never rejects.
 */
export async function runService(options: ServiceOptions, host: ServiceHost): Promise<number> {
  const { service, clock, random, open = openLake } = options
  const log = openLog(service, clock, host.stdout)
  const ended = new AbortController()
  try {
    const config = readConfig(host.env)
    log.level = config.logLevel
    const signal = stopSignal(config.grace_ms, clock, log, host, ended.signal)
    // Here, since commands import this package too, and HTTP takes its time to load.
    const { serve } = await import('./serve.js')
    await serve(service, { config, clock, random, log, open }, signal)
    log.info('stopped')
    return ExitCode.done
  } catch (error) {
    log.fatal(errorFields(error), messageOf(error))
    return error instanceof UsageError ? ExitCode.usage : ExitCode.failed
  } finally {
    ended.abort()
  }
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
