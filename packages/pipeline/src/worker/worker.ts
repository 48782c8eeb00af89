import type { Clock, Random } from '@assay/core'
import type { Session } from '@assay/engine'
import type { HandOver } from '../hand-over/hand-over.js'
import type { Batch, Stage } from '../stage/stage.js'
import type { LakeTable } from '../table/lake-table.js'
import { afterQuiet_ms, type PollInterval } from '../table/polls.js'
import { pinTrusted } from '../table/rollback.js'
import { commitBatch, dropFiles } from './commit-batch.js'
import { Maintenance } from './maintenance.js'
import { publishPending } from './publish.js'
import { remedyFor } from './remedy.js'
import type { WorkerEvent } from './worker-event.js'

export interface WorkerOptions {
  readonly stage: Stage
  readonly main: LakeTable
  /** Every table that the stage writes to, by name. */
  readonly sides: ReadonlyMap<string, LakeTable>
  readonly session: Session
  readonly clock: Clock
  readonly random: Random
  /** Least time from the start of one commit to the start of the next, unless a full batch waits. */
  readonly interval_ms: number
  /** Begin batches at multiples of the interval on the wall clock, so that layers below can gather. */
  readonly aligned: boolean
  /** Given when the worker shall end as soon as nothing is left; true once nothing more will come. */
  readonly upstreamEnded?: () => boolean
  /** Rows that pass from layer to layer in memory. */
  readonly handOver?: HandOver
  /** True when a layer below in this process takes this worker's rows from there. */
  readonly handsOver?: boolean
  /** Tables whose rows the stage takes from there. */
  readonly upstreams?: readonly string[]
  readonly onEvent: (event: WorkerEvent) => void
  /** Called after every turn of the loop, outages included. */
  readonly onTurn?: (worker: string) => void
  /** Called when a turn has passed after one or more outages. */
  readonly onRecovered?: (worker: string, outage_ms: number) => void
}

/** `deferred`: positions moved without rows, not worth a commit of their own yet. */
type Turn = 'idle' | 'deferred' | 'committed' | 'more' | 'refused'

/**
 * Steps of a pause: a random part of the interval, what is left of it since the turn began, a moment, the wait for
 * something new upstream, and for an aligned worker the wait for the next interval.
 */
type PauseStep = 'random' | 'rest' | 'moment' | 'upstream' | 'aligned'

/** What a worker does after a turn: one that ends when nothing is left, and one that goes on for ever. */
const PAUSES = {
  more: { draining: [], lasting: [] },
  committed: { draining: [], lasting: ['rest', 'upstream'] },
  deferred: { draining: [], lasting: ['rest', 'upstream'] },
  idle: { draining: ['moment'], lasting: ['upstream', 'aligned'] },
  refused: { draining: ['random'], lasting: ['random', 'upstream'] },
} as const satisfies Record<Turn, Record<'draining' | 'lasting', readonly PauseStep[]>>

const MOMENT_MS = 20
/** Until a worker without anything new upstream looks at everything anew. */
const WAIT: PollInterval = { least_ms: 1_000, most_ms: 5_000 }
/** How often a paused lake is looked at. */
const PAUSED_MS = 1_000
const MOVED_WITHOUT_ROWS_MS = 10_000
/**
 * Workers below bronze follow its interval. Bound to the whole interval they would fall a little behind with every
 * batch, until rows wait an interval longer at each layer.
 */
const SLACK = 0.75
/** How often a warning that holds is repeated. */
const WARN_MS = 60_000
const BACKOFF_MIN_MS = 100
/** Short, so that after an outage the first try comes soon. */
const BACKOFF_MAX_MS = 5_000

/**
 * The one loop that runs any stage: read the checkpoint, plan and run a batch, commit rows and checkpoint,
 * publish side rows, maintain the tables. Ends on abort with nothing half done, or when drained. Throws what can't
 * be mended by waiting.
 */
export class Worker {
  readonly #options: WorkerOptions
  readonly #maintenance: Maintenance
  #failures = 0
  #replanned = false
  #warned_ms = Number.NEGATIVE_INFINITY
  #outageBegan_ms: number | undefined
  #positionsCommitted_ms: number

  constructor(options: WorkerOptions) {
    this.#options = options
    const { main, sides, session, clock } = options
    this.#maintenance = new Maintenance(main, sides, session, () => clock.monotonic_ms())
    this.#positionsCommitted_ms = options.clock.monotonic_ms()
  }

  get name(): string {
    return this.#options.stage.name
  }

  async run(signal: AbortSignal): Promise<void> {
    for (let isDrained = false; !signal.aborted && !isDrained; ) {
      try {
        isDrained = await this.#turnAndPause(signal)
        this.#recovered()
      } catch (error) {
        await this.#mend(error, signal)
      }
    }
  }

  /** True when nothing is left to come. */
  async #turnAndPause(signal: AbortSignal): Promise<boolean> {
    const started_ms = this.#options.clock.monotonic_ms()
    const ended = this.#options.upstreamEnded?.() ?? false
    const turn = await this.#turn(signal)
    this.#options.onTurn?.(this.name)
    if (turn === 'idle' && ended) return true
    for (const step of PAUSES[turn][this.#options.upstreamEnded ? 'draining' : 'lasting']) {
      if (!signal.aborted) await this.#pause(step, started_ms, signal)
    }
    return false
  }

  /** Does what there is to do about a failure, waiting included; throws what can't be mended by waiting. */
  async #mend(error: unknown, signal: AbortSignal): Promise<void> {
    const { clock, onEvent, onTurn } = this.#options
    this.#forget()
    const remedy = remedyFor(error, { count: this.#failures, isReplanned: this.#replanned })
    switch (remedy) {
      case 'give_up':
        throw error
      case 'plan_again':
        this.#replanned = true
        onEvent({ kind: 'refused', worker: this.name, reason: 'a clean-up took files of the plan' })
        return
      case 'wait_paused':
      case 'wait_longer': {
        this.#outageBegan_ms ??= clock.monotonic_ms()
        const retry_ms = remedy === 'wait_paused' ? PAUSED_MS : this.#backoff_ms()
        onEvent({ kind: 'outage', worker: this.name, error, retry_ms })
        onTurn?.(this.name)
        await clock.sleep(retry_ms, signal)
      }
    }
  }

  #recovered(): void {
    this.#failures = 0
    this.#replanned = false
    if (this.#outageBegan_ms === undefined) return
    const outage_ms = this.#options.clock.monotonic_ms() - this.#outageBegan_ms
    this.#outageBegan_ms = undefined
    this.#options.onRecovered?.(this.name, outage_ms)
  }

  #backoff_ms(): number {
    const limit = Math.min(BACKOFF_MAX_MS, BACKOFF_MIN_MS * 2 ** this.#failures++)
    return limit * (0.5 + this.#options.random.unit() / 2)
  }

  async #turn(signal: AbortSignal): Promise<Turn> {
    const { stage, main, sides, session, clock, handOver, handsOver } = this.#options
    if (handsOver) await handOver?.room(main.definition.name, signal)
    const started_ms = clock.monotonic_ms()
    const pinned = await pinTrusted(main, session, await main.pinRecent())
    const published = await publishPending(main, sides, pinned)
    const { checkpoint } = pinned
    const batch = await stage.run(checkpoint, signal)
    if (batch.kind === 'idle') return 'idle'
    if (signal.aborted) {
      await dropFiles(main, sides, batch)
      return 'idle'
    }
    if (this.#canWait(batch)) return 'deferred'
    const outcome = await commitBatch(main, sides, batch, published)
    if (outcome.kind !== 'committed') {
      this.#forget()
      this.#options.onEvent({ kind: 'refused', worker: this.name, reason: outcome.reason })
      return 'refused'
    }
    batch.committed(outcome.snapshot)
    if (handsOver && batch.handOver) handOver?.keep(main.definition.name, outcome.snapshot.id, batch.handOver)
    for (const upstream of this.#options.upstreams ?? []) handOver?.release(upstream, batch.change.lanes)
    this.#positionsCommitted_ms = clock.monotonic_ms()
    if (batch.sides.length > 0) await publishPending(main, sides)
    this.#report(batch, outcome.snapshot.sequence, clock.monotonic_ms() - started_ms)
    this.#warn()
    await this.#maintenance.afterCommit(batch)
    return batch.more ? 'more' : 'committed'
  }

  /** The table is the truth: nothing that is remembered of it is believed after a failure. */
  #forget(): void {
    const { stage, main, handOver } = this.#options
    stage.forget()
    handOver?.forget(main.definition.name)
  }

  /** A position that moved without rows is not worth a commit of its own, unless nothing else will come. */
  #canWait(batch: Batch): boolean {
    if (batch.files.length > 0 || batch.sides.length > 0 || this.#options.upstreamEnded) return false
    return this.#options.clock.monotonic_ms() - this.#positionsCommitted_ms < MOVED_WITHOUT_ROWS_MS
  }

  #report(batch: Batch, sequence: number, duration_ms: number): void {
    const worker = this.name
    const { counts, breakdowns } = batch
    this.#options.onEvent({
      kind: 'committed',
      worker,
      counts,
      ...(breakdowns && { breakdowns }),
      duration_ms,
      sequence,
    })
    for (const [lane, { stop }] of batch.change.lanes) {
      const known = batch.change.basis.lanes.get(lane)?.stop
      if (stop && !known) this.#options.onEvent({ kind: 'lane_stopped', worker, lane, reason: stop.reason })
    }
  }

  #warn(): void {
    const { main, sides, clock, onEvent } = this.#options
    const warnings = [...new Set([main, ...sides.values()])].filter(({ warning }) => warning !== undefined)
    if (warnings.length === 0 || clock.monotonic_ms() - this.#warned_ms < WARN_MS) return
    this.#warned_ms = clock.monotonic_ms()
    for (const { definition, warning = '' } of warnings) {
      onEvent({ kind: 'table_warning', worker: this.name, table: definition.name, message: warning })
    }
  }

  async #pause(step: PauseStep, started_ms: number, signal: AbortSignal): Promise<void> {
    const { clock, interval_ms, aligned, random, stage, main } = this.#options
    switch (step) {
      case 'random':
        return clock.sleep(interval_ms * random.unit(), signal)
      case 'rest':
        return clock.sleep(this.#untilNext_ms(started_ms), signal)
      case 'moment':
        return clock.sleep(Math.min(MOMENT_MS, interval_ms), signal)
      case 'upstream': {
        const { checkpoint } = await main.pinRecent()
        const idle_ms = clock.monotonic_ms() - this.#positionsCommitted_ms
        return stage.wait(checkpoint, afterQuiet_ms(WAIT, idle_ms), signal)
      }
      case 'aligned':
        if (aligned) await clock.sleep(this.#untilNext_ms(clock.monotonic_ms()), signal)
    }
  }

  #untilNext_ms(started_ms: number): number {
    const { clock, interval_ms, aligned } = this.#options
    if (interval_ms === 0) return 0
    if (aligned) return interval_ms - (clock.now_ms() % interval_ms)
    return Math.max(0, started_ms + interval_ms * SLACK - clock.monotonic_ms())
  }
}
