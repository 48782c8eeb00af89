import type { Writable } from 'node:stream'
import type { Clock } from '@assay/core'
import { columnsOf, wrapText } from '../run/wrap.js'

const CLEAR_LINE = '\u001b[2K'
const UP = '\u001b[1A'
const TERMINAL_MS = 100
const FILE_MS = 5_000

/** Lines that are redrawn in place on a terminal, and written every few seconds anywhere else. */
export class LiveLines {
  readonly #stream: Writable
  readonly #isTerminal: boolean
  readonly #clock: Clock
  #lines: readonly string[] = []
  #drawn = 0
  #next_ms = 0

  readonly #width: number

  /** `width`: columns of the terminal. */
  constructor(stream: Writable, isTerminal: boolean, clock: Clock, width = Number.POSITIVE_INFINITY) {
    this.#width = width
    this.#stream = stream
    this.#isTerminal = isTerminal
    this.#clock = clock
  }

  /** Shows the lines, unless the last ones are too fresh. */
  update(lines: readonly string[]): void {
    const now_ms = this.#clock.monotonic_ms()
    if (now_ms < this.#next_ms) return
    this.#next_ms = now_ms + (this.#isTerminal ? TERMINAL_MS : FILE_MS)
    this.#lines = lines
    this.#draw()
  }

  /** Runs something that writes lines of its own to the same terminal, above these. */
  above(print: () => void): void {
    this.#erase()
    print()
    if (this.#isTerminal) this.#draw()
  }

  /** Leaves the lines that are shown on the terminal. */
  end(): void {
    this.#lines = []
    this.#drawn = 0
  }

  #draw(): void {
    this.#erase()
    if (this.#lines.length === 0) return
    const lines = wrapText(this.#lines.join('\n'), this.#width).split('\n')
    this.#stream.write(`${lines.join('\n')}\n`)
    // A word that is wider than the terminal is wrapped by it.
    const rows = lines.reduce((sum, line) => sum + Math.max(1, Math.ceil(columnsOf(line) / this.#width)), 0)
    this.#drawn = this.#isTerminal ? rows : 0
  }

  #erase(): void {
    if (this.#drawn > 0) this.#stream.write(`${UP}${CLEAR_LINE}`.repeat(this.#drawn))
    this.#drawn = 0
  }
}
