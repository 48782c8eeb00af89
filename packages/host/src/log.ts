import { type Clock, codeOf, RepeatLimit } from '@assay/core'
import { type WorkerEvent, workerEventLine } from '@assay/pipeline'
import { type DestinationStream, type Logger, pino } from 'pino'

/** JSON lines, each with the service's name. */
export function openLog(service: string, clock: Clock, stdout: DestinationStream): Logger {
  return pino(
    {
      base: { service },
      timestamp: () => `,"time":"${new Date(clock.now_ms()).toISOString()}"`,
      formatters: { level: (level) => ({ level }) },
    },
    stdout,
  )
}

/** Logs what workers tell; an outage that lasts is told less and less often. */
export function workerLog(log: Logger, clock: Clock) {
  const outages = new RepeatLimit(clock)
  return {
    onEvent(event: WorkerEvent): void {
      if (event.kind === 'outage' && !outages.isDue(event.worker, codeOf(event.error))) return
      const { level, fields, message } = workerEventLine(event)
      log[level](fields, message)
    },
    onRecovered(worker: string, outage_ms: number): void {
      outages.end(worker)
      log.info({ worker, outage_seconds: Math.round(outage_ms) / 1000 }, 'the outage is over')
    },
  }
}
