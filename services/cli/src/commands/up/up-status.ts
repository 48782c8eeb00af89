import type { Clock } from '@assay/core'
import type { Lake, StatusReport, TableReport } from '@assay/lake'
import type { WorkerEvent } from '@assay/pipeline'
import { count, duration, percent } from '../../print/numbers.js'

/** What the line of dead letters is called. */
const DEAD_LETTERS = 'dlq'
/** Rates are averages over so long. */
const RATE_WINDOW_MS = 5_000

interface Sample {
  readonly at_ms: number
  /** By layer, and dead letters. */
  readonly rows: ReadonlyMap<string, number>
}

/** The status lines of a running pipeline, one a layer; remembers enough to tell rows a second. */
export class LayerLines {
  readonly #clock: Clock
  #samples: readonly Sample[] = []

  constructor(clock: Clock) {
    this.#clock = clock
  }

  next(lake: Pick<Lake, 'layers' | 'exchanges'>, tables: readonly TableReport[], status: StatusReport): string[] {
    const now: Sample = { at_ms: this.#clock.monotonic_ms(), rows: rowsByLayer(lake, tables) }
    this.#samples = [...this.#samples.filter(({ at_ms }) => at_ms >= now.at_ms - RATE_WINDOW_MS), now]
    const layers = lake.layers.map(({ name: layer }) => {
      const lanes = status.lanes.filter((lane) => lane.layer === layer)
      const lag = lanes.reduce((sum, lane) => sum + lane.lag_rows, 0n)
      const age = Math.max(0, ...lanes.map(({ lag_seconds }) => lag_seconds ?? 0))
      return `${this.#line(layer, now)}   lag ${count(lag)} rows${age > 0 ? `, ${duration(age)}` : ''}`
    })
    const judged = status.dead_letters.reduce((sum, one) => sum + one.judged, 0)
    const rejected = status.dead_letters.reduce((sum, one) => sum + one.rejected, 0)
    const share = judged === 0 ? '' : `   ${percent(rejected / judged)} of all judged`
    return [...layers, `${this.#line(DEAD_LETTERS, now)}${share}`]
  }

  #line(layer: string, now: Sample): string {
    const rows = now.rows.get(layer) ?? 0
    const first = this.#samples[0] ?? now
    const elapsed_ms = now.at_ms - first.at_ms
    const rate = elapsed_ms === 0 ? 0 : ((rows - (first.rows.get(layer) ?? 0)) * 1000) / elapsed_ms
    return `${layer.padEnd(6)} ${count(rows).padStart(13)} rows ${count(Math.round(rate)).padStart(9)} rows/s`
  }
}

function rowsByLayer(
  { layers, exchanges }: Pick<Lake, 'layers' | 'exchanges'>,
  tables: readonly TableReport[],
): ReadonlyMap<string, number> {
  const rowsOf = (names: readonly string[]): number =>
    tables.filter(({ name }) => names.includes(name)).reduce((sum, { rows }) => sum + rows, 0)
  const mains = layers.map(
    ({ name, workers }) => [name, rowsOf(workers(exchanges).map(({ main }) => main.name))] as const,
  )
  const refused = layers.flatMap(({ deadLetters }) => deadLetters.map(({ name }) => name))
  return new Map([...mains, [DEAD_LETTERS, rowsOf(refused)]])
}

interface Done {
  rows: number
  readonly others: Map<string, number>
}

/** What a commit may count beside the rows that it wrote, as people call it. */
const OTHERS = [
  ['rejected', 'dead letters'],
  ['duplicates', 'duplicates'],
] as const

/** What the workers did from a start to its end. */
export class UpTotals {
  readonly #clock: Clock
  readonly #started_ms: number
  readonly #layers = new Map<string, Done>()

  constructor(clock: Clock) {
    this.#clock = clock
    this.#started_ms = clock.monotonic_ms()
  }

  onWorker(event: WorkerEvent): void {
    if (event.kind !== 'committed') return
    const { counts, worker } = event
    const layer = worker.split('-')[0] ?? worker
    const done: Done = this.#layers.get(layer) ?? { rows: 0, others: new Map() }
    this.#layers.set(layer, done)
    // A layer that leaves records out counts what it wrote apart from what it read.
    done.rows += counts.written ?? counts.valid ?? counts.records ?? 0
    for (const [name, text] of OTHERS) {
      const n = counts[name] ?? 0
      if (n > 0) done.others.set(text, (done.others.get(text) ?? 0) + n)
    }
  }

  /** A line for each layer that did something, upstream first. */
  text(layers: readonly string[]): string {
    const elapsed = duration((this.#clock.monotonic_ms() - this.#started_ms) / 1_000)
    const lines = layers.flatMap((layer) => {
      const done = this.#layers.get(layer)
      if (!done) return []
      const others = [...done.others].map(([text, n]) => `, ${count(n)} ${text}`).join('')
      return `  ${layer.padEnd(6)} ${count(done.rows).padStart(13)} rows${others}\n`
    })
    return lines.length === 0 ? `nothing was new in ${elapsed}\n` : `done in ${elapsed}:\n${lines.join('')}`
  }
}
