import { AssayError, type Clock, OutageError, withinTime } from '@assay/core'
import type { FastifyInstance } from 'fastify'

/**
 * A loop that has not turned for so long hangs. Waits for outages and batches are far shorter, but gold's first turn
 * may read the ids of all its rows, and must not be killed while it does.
 */
const TURN_MS_MAX = 1_800_000
/** Time after which a part that has not answered counts as not answering. */
const CHECK_MS_MAX = 2_000
/** Probes that come closer together share an answer. */
const FRESH_MS = 1_000

/** Knows whether the loops of a process still turn. */
export class Liveness {
  readonly #clock: Clock
  readonly #turned_ms = new Map<string, number>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** The loop has turned. The first heartbeat says that there is such a loop. */
  heartbeat(loop: string): void {
    this.#turned_ms.set(loop, this.#clock.monotonic_ms())
  }

  /** Loops that hang. */
  hanging(): string[] {
    const least_ms = this.#clock.monotonic_ms() - TURN_MS_MAX
    return [...this.#turned_ms].filter(([, at_ms]) => at_ms < least_ms).map(([loop]) => loop)
  }
}

/** Rejects with the reason why something can't be used. */
type Check = () => Promise<unknown>
export type Checks = Readonly<Record<string, Check>>

interface ReadinessReport {
  readonly is_ready: boolean
  /** `ok`, or what is wrong and what to do, by the name of the part, or of the loop that waits. */
  readonly parts: Readonly<Record<string, string>>
}

/** Knows whether what a service needs can be reached. */
export class Readiness {
  readonly #clock: Clock
  readonly #onDefect: (error: unknown) => void
  /** Why the service is not open, while it is not. */
  whyClosed = 'starting'
  #checks: Checks | undefined
  #looked: { readonly at_ms: number; readonly parts: Promise<ReadinessReport['parts']> } | undefined
  /** Why a loop waits, by its name. */
  readonly #waits = new Map<string, string>()

  /** `onDefect` is told of checks that fail with no error of ours. */
  constructor(clock: Clock, onDefect: (error: unknown) => void) {
    this.#clock = clock
    this.#onDefect = onDefect
  }

  /** What to look at; undefined while the service is not open. */
  set checks(checks: Checks | undefined) {
    this.#checks = checks
    this.#looked = undefined
    this.#waits.clear()
  }

  /** A loop waits for an outage to end: checks only read, and a disk that can't be written to passes them. */
  waits(loop: string, error: unknown): void {
    this.#waits.set(loop, reasonOf(error))
  }

  /** What the loop waited for is over. */
  goesOn(loop: string): void {
    this.#waits.delete(loop)
  }

  async report(): Promise<ReadinessReport> {
    const now_ms = this.#clock.monotonic_ms()
    if (!this.#looked || now_ms - this.#looked.at_ms > FRESH_MS) {
      this.#looked = { at_ms: now_ms, parts: this.#look(this.#checks) }
    }
    const parts = { ...(await this.#looked.parts), ...Object.fromEntries(this.#waits) }
    return { is_ready: Object.values(parts).every((outcome) => outcome === 'ok'), parts }
  }

  async #look(checks: Checks | undefined): Promise<ReadinessReport['parts']> {
    if (!checks) return { service: this.whyClosed }
    const parts = await Promise.all(
      Object.entries(checks).map(async ([name, check]) => [name, await this.#outcome(check)] as const),
    )
    return Object.fromEntries(parts)
  }

  async #outcome(check: Check): Promise<string> {
    const late = (): OutageError =>
      new OutageError('no_answer', `no answer within ${CHECK_MS_MAX / 1000} s`, {
        hint: 'check that it runs and can be reached',
      })
    try {
      await withinTime(this.#clock, CHECK_MS_MAX, check, late)
      return 'ok'
    } catch (error) {
      if (!(error instanceof AssayError)) this.#onDefect(error)
      return reasonOf(error)
    }
  }
}

/** Code and message of what is wrong, and what to do about it. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof AssayError)) return 'defect: see the log'
  return `${error.code}: ${error.message}${error.hint === undefined ? '' : ` (${error.hint})`}`
}

/** `/livez`: does the process work at all? `/readyz`: can it reach what it needs? */
export function addHealthRoutes(server: FastifyInstance, liveness: Liveness, readiness: Readiness): void {
  server.get('/livez', async (_request, reply) => {
    const hanging = liveness.hanging()
    reply.code(hanging.length === 0 ? 200 : 503).header('cache-control', 'no-store')
    return { is_live: hanging.length === 0, hanging }
  })
  server.get('/readyz', async (_request, reply) => {
    const report = await readiness.report()
    reply.code(report.is_ready ? 200 : 503).header('cache-control', 'no-store')
    return report
  })
}
