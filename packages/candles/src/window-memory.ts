import type { LaneKey } from '@assay/core'
import type { Session } from '@assay/engine'
import type { Exchange } from '@assay/exchanges'
import type { KeyedPanes, PinnedTable, UpstreamTable } from '@assay/pipeline'
import { windowsFrom } from './gold-windows.js'
import {
  emptyWindows,
  endOf,
  type KeyWindow,
  type SizedWindows,
  windowOfPane,
  windowsIn,
} from './measures/candle-windows.js'
import { type Measures, mergeMeasures, noTrades } from './measures/measures.js'
import { CANDLE_SIZES } from './measures/sizes.js'
import { CandleKeys } from './measures/trade-columns.js'

/** How long windows are kept in memory after they have closed; a later trade is looked up in gold's files. */
const ALLOWED_LATENESS_US = 600_000_000n

interface LoadedFrom {
  readonly lanes: ReadonlyMap<LaneKey, { readonly position: bigint }>
  readonly state: { readonly watermarks: ReadonlyMap<string, bigint> }
}

/** The windows that are open, and those that closed lately: a cache, since gold has all of them. */
export class WindowMemory {
  readonly keys = new CandleKeys()
  readonly #windows = emptyWindows()
  #isLoaded = false

  /** Fills it, the first time, with gold's rows below the lanes' positions. */
  async load(
    session: Session,
    { gold, exchanges }: { readonly gold: UpstreamTable; readonly exchanges: readonly Exchange[] },
    pinned: PinnedTable,
    { lanes, state: { watermarks } }: LoadedFrom,
  ): Promise<void> {
    if (this.#isLoaded) return
    const from = new Map([...watermarks].map(([exchange, us]) => [exchange, firstKept(us)]))
    const below = { session, gold, pinned, positions: lanes, keys: this.keys }
    const names = exchanges.map(({ name }) => name.toUpperCase())
    await windowsFrom(below, from, names, this.#windows, (window) => this.#isKept(window, watermarks))
    this.#isLoaded = true
  }

  /** The windows in memory with what a batch adds to them; the memory itself stays as it is. */
  staged(panes: KeyedPanes<Measures>, watermarks: ReadonlyMap<string, bigint>): SizedWindows {
    const windows = emptyWindows()
    for (const [key, ofKey] of panes) {
      for (const [pane, measures] of ofKey) {
        for (const size of CANDLE_SIZES) {
          const window = { key, size, n: windowOfPane(pane, size) }
          if (this.#isKept(window, watermarks)) this.#stage(windows, window, measures)
        }
      }
    }
    return windows
  }

  #stage(staged: SizedWindows, { key, size, n }: KeyWindow, measures: Measures): void {
    const ofSize = staged.get(size.name)
    const known = ofSize?.get(key)?.get(n) ?? this.#windows.get(size.name)?.get(key)?.get(n) ?? noTrades()
    put(staged, { key, size, n }, mergeMeasures(known, measures))
  }

  /** The windows that close between the watermarks, with what a batch adds to them. */
  closing(
    staged: SizedWindows,
    before: ReadonlyMap<string, bigint>,
    after: ReadonlyMap<string, bigint>,
  ): (KeyWindow & { readonly measures: Measures })[] {
    const found: (KeyWindow & { readonly measures: Measures })[] = []
    const isClosing = (window: KeyWindow): boolean => {
      const { exchange } = this.keys.keyOf(window.key)
      const [from, to] = [before.get(exchange), after.get(exchange)]
      const end = endOf(window)
      return to !== undefined && end <= to && (from === undefined || end > from)
    }
    if (![...after].some(([exchange, us]) => us !== before.get(exchange))) return found
    for (const window of windowsIn(staged)) if (isClosing(window)) found.push(window)
    for (const window of windowsIn(this.#windows)) {
      if (isClosing(window) && !measuresOf(staged, window)) found.push(window)
    }
    return found
  }

  /** Takes over what was staged, and drops what has been closed for long. */
  keep(windows: SizedWindows, watermarks: ReadonlyMap<string, bigint>): void {
    for (const window of windowsIn(windows)) put(this.#windows, window, window.measures)
    for (const window of [...windowsIn(this.#windows)]) {
      if (!this.#isKept(window, watermarks)) this.#windows.get(window.size.name)?.get(window.key)?.delete(window.n)
    }
  }

  #isKept(window: KeyWindow, watermarks: ReadonlyMap<string, bigint>): boolean {
    const watermark = watermarks.get(this.keys.keyOf(window.key).exchange)
    return watermark === undefined || endOf(window) + ALLOWED_LATENESS_US > watermark
  }
}

export function measuresOf(windows: SizedWindows, { key, size, n }: KeyWindow): Measures | undefined {
  return windows.get(size.name)?.get(key)?.get(n)
}

function put(windows: SizedWindows, { key, size, n }: KeyWindow, measures: Measures): void {
  const ofSize = windows.get(size.name)
  const ofKey = ofSize?.get(key)
  if (ofKey) ofKey.set(n, measures)
  else ofSize?.set(key, new Map([[n, measures]]))
}

/** Where the earliest window begins that is still kept: that of the greatest size. */
function firstKept(watermark_us: bigint): bigint {
  return CANDLE_SIZES.reduce((least, { size_us }) => {
    const from = watermark_us - ALLOWED_LATENESS_US - size_us
    return from < least ? from : least
  }, watermark_us)
}
