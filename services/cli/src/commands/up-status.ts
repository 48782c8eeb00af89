import type { Clock } from '@assay/core'
import type { StatusReport, TableReport } from '@assay/lake'
import { count, duration, percent } from '../print/numbers.js'

const LAYERS = ['bronze', 'silver', 'gold'] as const
const DEAD_LETTERS = 'silver_dlq_trades'
/** Rates are averages over so long. */
const RATE_WINDOW_MS = 5_000

interface Sample {
  readonly at_ms: number
  readonly rows: ReadonlyMap<string, number>
}

/** The status lines of a running pipeline, one a layer; remembers enough to tell rows a second. */
export class LayerLines {
  readonly #clock: Clock
  #samples: readonly Sample[] = []

  constructor(clock: Clock) {
    this.#clock = clock
  }

  next(tables: readonly TableReport[], status: StatusReport): string[] {
    const now: Sample = { at_ms: this.#clock.monotonic_ms(), rows: rowsByLayer(tables) }
    this.#samples = [...this.#samples.filter(({ at_ms }) => at_ms >= now.at_ms - RATE_WINDOW_MS), now]
    const layers = LAYERS.map((layer) => {
      const lanes = status.lanes.filter((lane) => lane.layer === layer)
      const lag = lanes.reduce((sum, lane) => sum + lane.lag_rows, 0n)
      const age = Math.max(0, ...lanes.map(({ lag_seconds }) => lag_seconds ?? 0))
      return `${this.#line(layer, now)}   lag ${count(lag)} rows${age > 0 ? `, ${duration(age)}` : ''}`
    })
    const judged = status.dead_letters.reduce((sum, one) => sum + one.judged, 0)
    const rejected = status.dead_letters.reduce((sum, one) => sum + one.rejected, 0)
    const share = judged === 0 ? '' : `   ${percent(rejected / judged)} of all judged`
    return [...layers, `${this.#line('dlq', now)}${share}`]
  }

  #line(layer: string, now: Sample): string {
    const rows = now.rows.get(layer) ?? 0
    const first = this.#samples[0] ?? now
    const elapsed_ms = now.at_ms - first.at_ms
    const rate = elapsed_ms === 0 ? 0 : ((rows - (first.rows.get(layer) ?? 0)) * 1000) / elapsed_ms
    return `${layer.padEnd(6)} ${count(rows).padStart(13)} rows ${count(Math.round(rate)).padStart(9)} rows/s`
  }
}

function rowsByLayer(tables: readonly TableReport[]): ReadonlyMap<string, number> {
  const rows = new Map<string, number>()
  for (const table of tables) {
    const layer = layerOf(table.name)
    if (layer) rows.set(layer, (rows.get(layer) ?? 0) + table.rows)
  }
  return rows
}

function layerOf(table: string): string | undefined {
  if (table === DEAD_LETTERS) return 'dlq'
  return /^(bronze|silver|gold)_\w+_trades$/.exec(table)?.[1]
}
