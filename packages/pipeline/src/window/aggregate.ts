import { AssayError } from '@assay/core'
import { type AlignedSpec, stepOf } from './window-spec.js'

/**
 * What is told of the rows of a window. The order in which rows are folded, how they are split and in which order the
 * parts are merged must not matter: `merge` is commutative and associative, `empty` its neutral element, and folding
 * a row is merging what that row alone gives. `fold` may change and return its accumulator; `merge` leaves both alone.
 */
export interface Aggregate<Acc, Row> {
  empty(): Acc
  fold(acc: Acc, row: Row): Acc
  merge(a: Acc, b: Acc): Acc
}

/** Accumulators by the code of a key, then by the number of a pane or window. */
export type KeyedPanes<Acc> = Map<number, Map<number, Acc>>

/** Rows with the code of their key and the number of their pane; `keys[k]` and `panes[k]` are those of `rows[k]`. */
interface PaneRows {
  readonly rows: Uint32Array
  readonly keys: Int32Array
  readonly panes: Float64Array
}

/** Folds rows into `into`, each into the accumulator of its key and pane. The aggregate gets the row's number. */
export function foldRows<Acc>(
  aggregate: Pick<Aggregate<Acc, number>, 'empty' | 'fold'>,
  { rows, keys, panes }: PaneRows,
  into: KeyedPanes<Acc>,
): void {
  for (let k = 0; k < rows.length; k++) {
    const ofKey = panesOf(into, keys[k] as number)
    const pane = panes[k] as number
    ofKey.set(pane, aggregate.fold(ofKey.get(pane) ?? aggregate.empty(), rows[k] as number))
  }
}

/** Merges all accumulators of `from` into `into`. */
export function mergePanes<Acc>(
  aggregate: Aggregate<Acc, never>,
  from: ReadonlyMap<number, ReadonlyMap<number, Acc>>,
  into: KeyedPanes<Acc>,
): void {
  for (const [key, panes] of from) {
    const ofKey = panesOf(into, key)
    for (const [pane, acc] of panes) mergeAt(aggregate, ofKey, pane, acc)
  }
}

/**
 * The windows of one key out of its panes of `pane_us`, by window number: each pane goes into every window that holds
 * it, so windows that end on an empty pane are there, too, and a window without a pane is not. Throws `bad_window`
 * unless the panes fit into the windows: `pane_us` divides their size, or their slide.
 */
export function rollUp<Acc>(
  aggregate: Aggregate<Acc, never>,
  panes: Iterable<readonly [pane: number, acc: Acc]>,
  pane_us: bigint,
  spec: AlignedSpec,
): Map<number, Acc> {
  const step_us = stepOf(spec)
  if (step_us % pane_us !== 0n) {
    throw new AssayError('bad_window', `panes of ${pane_us} µs don't fit into windows that begin every ${step_us} µs`, {
      hint: 'make the size of a tumbling window, or the slide of a sliding one, a multiple of the panes',
    })
  }
  const panesOfStep = Number(step_us / pane_us)
  const stepsOfWindow = Number(spec.size_us / step_us)
  const windows = new Map<number, Acc>()
  for (const [pane, acc] of panes) {
    const last = Math.floor(pane / panesOfStep)
    for (let n = last - stepsOfWindow + 1; n <= last; n++) mergeAt(aggregate, windows, n, acc)
  }
  return windows
}

function panesOf<Acc>(into: KeyedPanes<Acc>, key: number): Map<number, Acc> {
  const known = into.get(key)
  if (known) return known
  const panes = new Map<number, Acc>()
  into.set(key, panes)
  return panes
}

function mergeAt<Acc>(aggregate: Aggregate<Acc, never>, into: Map<number, Acc>, n: number, acc: Acc): void {
  const known = into.get(n) ?? aggregate.empty()
  into.set(n, aggregate.merge(known, acc))
}
