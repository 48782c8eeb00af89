import { wordsOf } from '@assay/core'
import { FloorDivider, floorDivide } from './floor-division.js'
import { type AlignedSpec, stepOf } from './window-spec.js'

/** Half-open, `[start, end)`: µs since 1970 UTC. */
export interface Window {
  readonly start_us: bigint
  readonly end_us: bigint
}

/** Where the tumbling window of a time begins, also before 1970. */
export function windowStart(time_us: bigint, size_us: bigint): bigint {
  return floorDivide(time_us, size_us) * size_us
}

/**
 * The windows that hold a time, earliest first: one of a tumbling spec, size / slide of a sliding one. They also are
 * those of the whole pane that begins at this time, where the pane's size divides the slide.
 */
export function windowsOf(spec: AlignedSpec, time_us: bigint): Window[] {
  const step_us = stepOf(spec)
  const last_us = windowStart(time_us, step_us)
  const windows: Window[] = []
  for (let start_us = last_us - spec.size_us + step_us; start_us <= last_us; start_us += step_us) {
    windows.push({ start_us, end_us: start_us + spec.size_us })
  }
  return windows
}

/** Window number `n`, which begins at n × step; of a tumbling spec that is pane number `n`. */
export function windowAt(spec: AlignedSpec, n: number): Window {
  const start_us = BigInt(n) * stepOf(spec)
  return { start_us, end_us: start_us + spec.size_us }
}

/**
 * The number of the pane of each of `rows`, in their order: time / size rounded down. `times` has µs since 1970 for
 * every row of the block. Exact for every time of the years up to 9999 from a size of 64 µs on; smaller sizes are
 * exact within ±2^53 panes of 1970.
 */
export function assignPanes(times: BigInt64Array, rows: Uint32Array, size_us: bigint): Float64Array {
  const words = wordsOf(times)
  const divider = new FloorDivider(size_us)
  const panes = new Float64Array(rows.length)
  for (let k = 0; k < rows.length; k++) panes[k] = divider.at(words, rows[k] as number)
  return panes
}
