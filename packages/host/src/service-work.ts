import type { Clock, Random } from '@assay/core'
import type { Lake, ServiceConfig } from '@assay/lake'
import type { FastifyInstance } from 'fastify'
import type { Logger } from 'pino'
import type { Registry } from 'prom-client'
import type { Checks, Liveness, Readiness } from './http/health.js'

/** What the frame lends to the work of a service. */
export interface ServiceParts {
  readonly config: ServiceConfig
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
  readonly registry: Registry
  readonly liveness: Liveness
  readonly readiness: Readiness
  readonly server: FastifyInstance
  /** The lake while it is open. */
  readonly lake: () => Lake | undefined
}

/** In what a service differs from the others; made once, before the server listens. */
export interface ServiceWork {
  /** Loops that give a heartbeat while they turn. */
  readonly loops: readonly string[]
  /** What must answer for the service to be ready. */
  checks(lake: Lake): Checks
  /** Brings metrics up to date that are only read when asked for. */
  refresh(lake: Lake | undefined): Promise<void>
  /** Works until the signal. An OutageError opens the lake anew. */
  run(lake: Lake, signal: AbortSignal): Promise<void>
}
