import { AssayError, type Clock } from '@assay/core'
import { timeOfDay } from '../../print/numbers.js'
import { visible } from '../../print/table.js'

interface Wait {
  readonly since_ms: number
  readonly since_monotonic_ms: number
  readonly code: string
  readonly message: string
  readonly hint: string | undefined
}

/** What a running pipeline waits for, and since when. */
export class Waits {
  readonly #clock: Clock
  readonly #waits = new Map<string, Wait>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  begin(who: string, error: unknown): void {
    const since = this.#waits.get(who)
    this.#waits.set(who, {
      since_ms: since?.since_ms ?? this.#clock.now_ms(),
      since_monotonic_ms: since?.since_monotonic_ms ?? this.#clock.monotonic_ms(),
      code: error instanceof AssayError ? error.code : 'defect',
      message: error instanceof Error ? error.message : String(error),
      hint: error instanceof AssayError ? error.hint : undefined,
    })
  }

  end(who: string): void {
    this.#waits.delete(who)
  }

  /** A line for each thing that is waited for, the longest wait first, and one that says what to do about it. */
  lines(): string[] {
    const byCode = new Map<string, { readonly wait: Wait; readonly whos: string[] }>()
    for (const [who, wait] of [...this.#waits].sort(([, a], [, b]) => a.since_monotonic_ms - b.since_monotonic_ms)) {
      const known = byCode.get(wait.code)
      if (known) known.whos.push(who)
      else byCode.set(wait.code, { wait, whos: [who] })
    }
    return [...byCode.values()].flatMap(({ wait, whos }) => {
      const seconds = Math.round((this.#clock.monotonic_ms() - wait.since_monotonic_ms) / 1000)
      const [message = ''] = wait.message.split('\n')
      const since = `waiting since ${timeOfDay(wait.since_ms)} (${seconds} s)`
      const line = `${since}: ${whos.join(', ')}: ${visible(message)} [${wait.code}]`
      return wait.hint === undefined ? [line] : [line, `  ${visible(wait.hint)}`]
    })
  }
}
