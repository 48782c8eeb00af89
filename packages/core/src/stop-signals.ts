import type { Clock } from './clock.js'
import { type LeavingHost, leave } from './leave.js'

/** The signals by which people, systems and closing terminals end a process. */
export const STOP_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
export type StopSignal = (typeof STOP_SIGNALS)[number]

/** What shells tell of a process that the signal ended. */
const EXIT_CODES: Readonly<Record<StopSignal, number>> = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 }

/** What listening for signals touches of a process; `process` is one. */
export interface SignalHost extends LeavingHost {
  on(signal: StopSignal, listener: (signal: StopSignal) => void): unknown
  off(signal: StopSignal, listener: (signal: StopSignal) => void): unknown
}

/** What is looked at of `process.stdout`. */
interface Output {
  on(event: 'error', listener: (error: Error) => void): unknown
}

export interface StopRequest {
  /** Aborts when the process shall end in order. */
  readonly signal: AbortSignal
  /** The signal that asked for it, if it was one. */
  readonly by: StopSignal | undefined
  /**
   * Asks for an orderly end, without a signal, when nobody reads this output any more (`assay … | head`, a terminal
   * that was closed): that is no failure, and what is written to it from then on is dropped.
   */
  stopWithReader(output: Output): void
  /**
   * What is loaded. Until it is, there is nothing to put in order: the first signal ends the process with this code.
   * The rest of its modules may take long on a busy machine, and two signals that wait for a processor are but one.
   */
  whileLoading<T>(loading: Promise<T>, code: number): Promise<T>
  /** Calls it at the first signal, or now if that has come. */
  onFirst(listener: (signal: StopSignal) => void): void
  /** To be called when all has ended: from here on a signal ends the process as if nobody listened. */
  release(): void
  /** Ends the process with this code, unless a second signal is ending it already. */
  exit(code: number): Promise<void>
}

/**
 * npx passes Ctrl-C on to a process that has got it from the terminal, too, within some ms: so the same signal again
 * may be the same request. The orderly end is then given a little time.
 */
const TOLD_TWICE_MS = 100
const ORDERLY_END_MS = 200
/** The system does not end the first process of a container by a signal that nobody listens for. */
const FIRST_PROCESS = 1

/**
 * Listens for signals. The first asks for an orderly end; the second ends the process within a second, whatever runs,
 * as if nobody had listened (A11). To be called before anything slow is imported: until then, the first signal ends the
 * process.
 */
export function stopOnSignals(host: SignalHost, clock: Clock): StopRequest {
  return new SignalListener(host, clock)
}

class SignalListener implements StopRequest {
  readonly #host: SignalHost
  readonly #clock: Clock
  readonly #stop = new AbortController()
  readonly #released = new AbortController()
  readonly #listeners: ((signal: StopSignal) => void)[] = []
  #by: StopSignal | undefined
  #first_ms = 0
  #isToldTwice = false
  #codeWhileLoading: number | undefined
  #isLeaving = false

  constructor(host: SignalHost, clock: Clock) {
    this.#host = host
    this.#clock = clock
    for (const name of STOP_SIGNALS) host.on(name, this.#onSignal)
  }

  get signal(): AbortSignal {
    return this.#stop.signal
  }

  get by(): StopSignal | undefined {
    return this.#by
  }

  stopWithReader(output: Output): void {
    output.on('error', () => this.#stop.abort())
  }

  async whileLoading<T>(loading: Promise<T>, code: number): Promise<T> {
    this.#codeWhileLoading = code
    try {
      return await loading
    } finally {
      this.#codeWhileLoading = undefined
    }
  }

  onFirst(listener: (signal: StopSignal) => void): void {
    if (this.#by) listener(this.#by)
    else this.#listeners.push(listener)
  }

  release(): void {
    this.#released.abort()
    for (const name of STOP_SIGNALS) this.#host.off(name, this.#onSignal)
  }

  async exit(code: number): Promise<void> {
    this.release()
    if (this.#isLeaving) return
    this.#isLeaving = true
    await leave(code, this.#host)
  }

  readonly #onSignal = (signal: StopSignal): void => {
    if (this.#by !== undefined) return void this.#onSecond(signal)
    if (this.#codeWhileLoading !== undefined) this.#host.exit(this.#codeWhileLoading)
    this.#by = signal
    this.#first_ms = this.#clock.monotonic_ms()
    void this.#leaveNextToSystem()
    for (const listener of this.#listeners) listener(signal)
    this.#stop.abort()
  }

  async #onSecond(signal: StopSignal): Promise<void> {
    const isSoon = signal === this.#by && this.#clock.monotonic_ms() - this.#first_ms < TOLD_TWICE_MS
    if (isSoon && !this.#isToldTwice) {
      this.#isToldTwice = true
      await this.#clock.sleep(ORDERLY_END_MS, this.#released.signal)
    }
    if (!this.#released.signal.aborted) await this.#endBy(signal)
  }

  /**
   * From here on a signal ends the process by itself, even while JavaScript waits for a call that blocks. What came
   * before is still heard: it is, once the loop has turned; a listener that is taken off before loses it.
   */
  async #leaveNextToSystem(): Promise<void> {
    await this.#clock.sleep(TOLD_TWICE_MS, this.#released.signal)
    await new Promise((turned) => setImmediate(turned))
    if (!this.#isToldTwice && this.#host.pid !== FIRST_PROCESS) this.release()
  }

  async #endBy(signal: StopSignal): Promise<void> {
    this.release()
    this.#isLeaving = true
    this.#host.kill(this.#host.pid, signal)
    // Still here: the first process of a container.
    await leave(EXIT_CODES[signal], this.#host)
  }
}
