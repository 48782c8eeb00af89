import {
  type Clock,
  errorFields,
  leave,
  messageOf,
  type Random,
  type SignalHost,
  type StopRequest,
  secretFilter,
  UsageError,
} from '@assay/core'
import { openLake, readConfig } from '@assay/lake'
import type { DestinationStream, Logger } from 'pino'
import { openLog } from './log.js'
import { serve } from './serve.js'
import type { ServiceParts, ServiceWork } from './service-work.js'

/** What a service touches of the process that it runs in; `process` is one. */
export interface ServiceHost extends SignalHost {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly stdout: DestinationStream
}

interface ServiceOptions {
  /** Name of the service in the log. */
  readonly service: string
  readonly work: (parts: ServiceParts) => ServiceWork
  readonly clock: Clock
  readonly random: Random
  /** Listens for signals since the process began. */
  readonly stop: StopRequest
  /** How the lake is opened, if not as its parts say. */
  readonly open?: typeof openLake
}

const ExitCode = { done: 0, failed: 1, usage: 2 } as const

/**
 * Runs a service: configured by the environment, logging JSON lines, answering HTTP. Outages are waited out. Resolves
 * to the exit code when a signal has ended it gracefully or when it has failed; never rejects.
 */
export async function runService(options: ServiceOptions, host: ServiceHost): Promise<number> {
  const { service, work, clock, random, stop, open = openLake } = options
  const hide = secretFilter(host.env)
  const log = openLog(service, clock, { write: (line) => host.stdout.write(hide(line)) })
  const ended = new AbortController()
  try {
    const config = readConfig(host.env)
    log.level = config.logLevel
    stop.onFirst((name) => void endInTime(name, { grace_ms: config.grace_ms, clock, log, host, ended: ended.signal }))
    await serve(work, { config, clock, random, log, hide, open }, stop.signal)
    log.info('stopped')
    return ExitCode.done
  } catch (error) {
    log.fatal(errorFields(error), messageOf(error))
    return error instanceof UsageError ? ExitCode.usage : ExitCode.failed
  } finally {
    ended.abort()
  }
}

/** When the grace time is over, the process ends at once. */
async function endInTime(
  name: string,
  {
    grace_ms,
    clock,
    log,
    host,
    ended,
  }: { grace_ms: number; clock: Clock; log: Logger; host: ServiceHost; ended: AbortSignal },
): Promise<void> {
  log.info({ signal: name }, 'stopping')
  await clock.sleep(grace_ms, ended)
  if (ended.aborted) return
  log.fatal({ code: 'grace_time_over', hint: 'nothing is half committed: start again' }, 'the stop took too long')
  await leave(ExitCode.failed, host)
}
