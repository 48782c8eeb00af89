import type { Clock, LaneKey } from '@assay/core'
import type { TableMetadata } from '@assay/iceberg'
import { columnBytes } from './column-bytes.js'
import type { LaneRows } from './lane-rows.js'
import { unchangedSince } from './unchanged-since.js'

interface HandOverOptions {
  readonly clock: Clock
  /** What each table's rows may take; one commit may go beyond it. */
  readonly bytesMax: number
}

/** The rows of one commit. */
interface Entry {
  readonly snapshotId: bigint
  readonly kept_ms: number
  readonly bytes: number
  /** Lanes that have not been read to their end. */
  waiting: number
}

interface Piece {
  readonly entry: Entry
  readonly rows: LaneRows
}

interface TableRows {
  readonly lanes: Map<LaneKey, Piece[]>
  bytes: number
  /** When rows were last let go of, or the table began to be full. */
  moved_ms: number
}

/** For so long a layer waits for one that has stopped taking its rows; a large batch of it may take many seconds on a busy machine. */
const PATIENCE_MS = 20_000
/** Rows that nobody has taken for so long are let go of. */
const KEPT_MS_MAX = 60_000

/**
 * Rows just committed, kept in memory for the layer below in the same process, so that it need not read them from the
 * table's files. A table is the truth: what is here is only used where the table's history says that the commit is part
 * of it and that nothing since has changed its rows.
 */
export class HandOver {
  readonly #options: HandOverOptions
  readonly #tables = new Map<string, TableRows>()
  #released: (() => void)[] = []

  constructor(options: HandOverOptions) {
    this.#options = options
  }

  /** Keeps the rows of a commit, unless the table's share is used up; then the layer below reads its files. */
  keep(table: string, snapshotId: bigint, lanes: readonly LaneRows[]): void {
    this.#dropStale(table)
    const kept = this.#table(table)
    if (lanes.length === 0 || kept.bytes >= this.#options.bytesMax) return
    const kept_ms = this.#options.clock.monotonic_ms()
    const entry: Entry = { snapshotId, kept_ms, bytes: columnBytes(lanes), waiting: lanes.length }
    for (const rows of lanes) {
      const pieces = kept.lanes.get(rows.key)
      if (pieces) pieces.push({ entry, rows })
      else kept.lanes.set(rows.key, [{ entry, rows }])
    }
    kept.bytes += entry.bytes
    kept.moved_ms = kept_ms
  }

  /**
   * The rows of a range from its beginning on, as far as they are here: pieces that leave no offset out. None when the
   * range's first offset is not here.
   */
  find(table: string, metadata: TableMetadata, range: Pick<LaneRows, 'key' | 'from' | 'upper'>): readonly LaneRows[] {
    this.release(table, new Map([[range.key, { position: range.from }]]))
    const left = this.#tables.get(table)?.lanes.get(range.key) ?? []
    if (left.length === 0) return []
    const valid = unchangedSince(metadata, new Set(left.map(({ entry }) => entry.snapshotId)))
    const found: LaneRows[] = []
    let at = range.from
    for (const { entry, rows } of left) {
      if (!valid.has(entry.snapshotId)) {
        this.forget(table)
        return []
      }
      if (at >= range.upper || rows.from > at) break
      const part = between(rows, at, range.upper)
      found.push(part)
      at = part.upper
    }
    return found
  }

  /** Lets go of a table's rows that the layer below has committed: those before these positions. */
  release(table: string, lanes: ReadonlyMap<LaneKey, { readonly position: bigint }>): void {
    const kept = this.#tables.get(table)
    if (!kept) return
    for (const [key, { position }] of lanes) {
      const pieces = kept.lanes.get(key)
      while (pieces?.[0] && pieces[0].rows.upper <= position) {
        const { entry } = pieces.shift() as Piece
        if (--entry.waiting > 0) continue
        kept.bytes -= entry.bytes
        kept.moved_ms = this.#options.clock.monotonic_ms()
      }
    }
    this.#wake()
  }

  /** Lets go of all rows of a table: after a failure nobody knows what became of the last commit. */
  forget(table: string): void {
    this.#tables.delete(table)
    this.#wake()
  }

  /**
   * Resolves when the table has room, when nobody has taken rows of it for twenty seconds, or on abort: a layer that is far
   * ahead of the one below would fill the memory only for its rows to be read from files after all.
   */
  async room(table: string, signal: AbortSignal): Promise<void> {
    const { clock, bytesMax } = this.#options
    while (!signal.aborted) {
      const kept = this.#tables.get(table)
      const left_ms = kept ? kept.moved_ms + PATIENCE_MS - clock.monotonic_ms() : 0
      if (!kept || kept.bytes === 0 || kept.bytes < bytesMax || left_ms <= 0) return
      const ended = new AbortController()
      const released = new Promise<void>((resolve) => this.#released.push(resolve))
      await Promise.race([released, clock.sleep(left_ms, AbortSignal.any([signal, ended.signal]))])
      ended.abort()
    }
  }

  /** A lane may have gone to another process: its rows will not be taken here. */
  #dropStale(table: string): void {
    const oldest_ms = this.#options.clock.monotonic_ms() - KEPT_MS_MAX
    for (const pieces of this.#tables.get(table)?.lanes.values() ?? []) {
      if (pieces[0] && pieces[0].entry.kept_ms < oldest_ms) {
        this.forget(table)
        return
      }
    }
  }

  #table(name: string): TableRows {
    const known = this.#tables.get(name)
    if (known) return known
    const made = { lanes: new Map(), bytes: 0, moved_ms: this.#options.clock.monotonic_ms() }
    this.#tables.set(name, made)
    return made
  }

  #wake(): void {
    const waiting = this.#released
    this.#released = []
    for (const resolve of waiting) resolve()
  }
}

/** The part of a lane's rows in [from, upper). */
function between(rows: LaneRows, from: bigint, upper: bigint): LaneRows {
  const end = upper < rows.upper ? (upper as LaneRows['upper']) : rows.upper
  return {
    ...rows,
    from: from as LaneRows['from'],
    upper: end,
    rows: rows.rows.subarray(firstAt(rows, from), firstAt(rows, end)),
  }
}

/** Index in `rows` of the first row at or behind the offset. */
function firstAt({ rows, offsets }: LaneRows, offset: bigint): number {
  let low = 0
  let high = rows.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((offsets[rows[middle] as number] as bigint) < offset) low = middle + 1
    else high = middle
  }
  return low
}
