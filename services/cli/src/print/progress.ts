import type { Writable } from 'node:stream'
import type { Clock } from '@assay/core'
import { columnsOf } from '../run/wrap.js'
import { duration, percentRounded } from './numbers.js'

/** How far something has come. */
export interface Done {
  /** What has been done so far, or what is being done: `1,200 of 5,000 produced`. */
  readonly text: string
  /** Of the whole, from 0 to 1, where that is known and says how long the rest will take. */
  readonly share?: number
}

/** What is over sooner needs no word. */
const QUIET_MS = 2_000
const TERMINAL_MS = 200
const FILE_MS = 10_000
/** How often the line is brought up to date while nothing is told. */
const TICK_MS = 1_000
/** A guess at the time left from less than this would be worth nothing. */
const SHARE_MIN = 0.005

const REWRITE = '\r\u001b[2K'

interface ProgressTerminal {
  readonly stderr: Writable
  readonly stderrIsTerminal: boolean
  readonly stderrWidth: number
}

/**
 * Tells on standard error how far work is that takes longer than two seconds: a line that is rewritten in place on a
 * terminal, and a line every ten seconds anywhere else.
 */
export class Progress {
  readonly #terminal: ProgressTerminal
  readonly #clock: Clock
  readonly #started_ms: number
  #done: Done
  #next_ms: number
  #isDrawn = false

  constructor(terminal: ProgressTerminal, clock: Clock, begin: string) {
    this.#terminal = terminal
    this.#clock = clock
    this.#started_ms = clock.monotonic_ms()
    this.#next_ms = this.#started_ms + QUIET_MS
    this.#done = { text: begin }
  }

  update(done: Done): void {
    this.#done = done
    this.draw()
  }

  /** Tells how far it is, unless that was told just now. */
  draw(): void {
    const now_ms = this.#clock.monotonic_ms()
    if (now_ms < this.#next_ms) return
    const { stderr, stderrIsTerminal } = this.#terminal
    this.#next_ms = now_ms + (stderrIsTerminal ? TERMINAL_MS : FILE_MS)
    const line = progressLine(this.#done, now_ms - this.#started_ms)
    stderr.write(stderrIsTerminal ? `${REWRITE}${fitted(line, this.#terminal.stderrWidth)}` : `${line}\n`)
    this.#isDrawn = stderrIsTerminal
  }

  /** Runs something that writes lines of its own to the same terminal, in place of this one. */
  above(print: () => void): void {
    this.#erase()
    print()
  }

  /** Leaves nothing of it on a terminal, and tells nothing more. */
  end(): void {
    this.#erase()
    this.#next_ms = Number.POSITIVE_INFINITY
  }

  #erase(): void {
    if (this.#isDrawn) this.#terminal.stderr.write(REWRITE)
    this.#isDrawn = false
  }
}

/** Runs work that says how far it is; while it says nothing, the time that has passed is told. */
export async function withProgress<T>(
  terminal: ProgressTerminal,
  clock: Clock,
  begin: string,
  work: (progress: Progress) => Promise<T>,
): Promise<T> {
  const progress = new Progress(terminal, clock, begin)
  const over = new AbortController()
  const ticking = tick(progress, clock, over.signal)
  try {
    return await work(progress)
  } finally {
    over.abort()
    await ticking
    progress.end()
  }
}

async function tick(progress: Progress, clock: Clock, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await clock.sleep(TICK_MS, signal)
    if (!signal.aborted) progress.draw()
  }
}

function progressLine({ text, share }: Done, elapsed_ms: number): string {
  const elapsed_s = elapsed_ms / 1_000
  if (share === undefined || share < SHARE_MIN) return `${text} (${duration(elapsed_s)} so far)`
  const left_s = (elapsed_s * (1 - share)) / share
  return `${text}, ${percentRounded(share)}${share < 1 ? `, about ${duration(left_s)} left` : ''}`
}

/** A line that the terminal would wrap could not be rewritten. */
function fitted(line: string, width: number): string {
  if (columnsOf(line) < width) return line
  return `${line.slice(0, Math.max(0, width - 2))}…`
}
