import { UsageError } from '@assay/core'
import { ancestors, mainHistory, type Snapshot, type TableMetadata, taggedHistory } from '@assay/iceberg'

/** A moment of the lake: a time, how long ago, or the commit of a snapshot of any of its tables. */
export type AsOf =
  | { readonly kind: 'time'; readonly time_ms: number }
  | { readonly kind: 'ago'; readonly ago_ms: number }
  | { readonly kind: 'snapshot'; readonly id: bigint }

/** One moment for all tables that a statement reads. */
export interface Moment {
  readonly time_ms: number
  /** The snapshot that was named, of the one table that has it; the others are as of its commit. */
  readonly exact?: { readonly tableUuid: string; readonly snapshot: Snapshot }
  /** The time that was asked for, where the tables are shown as of an earlier one that they all still keep. */
  readonly asked_ms?: number
}

const UNITS_MS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }
const TIME_MAX_MS = Date.UTC(9999, 11, 31)

/**
 * What `--as-of` takes: an ISO 8601 time (UTC unless it says otherwise), `10m` ago, or a snapshot id. Throws
 * `bad_as_of`.
 */
export function parseAsOf(text: string): AsOf {
  if (/^\d{1,19}$/.test(text) && !/^\d{4}$/.test(text)) return { kind: 'snapshot', id: BigInt(text) }
  const ago = /^(\d{1,9})([smhd])$/.exec(text)
  if (ago) return { kind: 'ago', ago_ms: Number(ago[1]) * (UNITS_MS[ago[2] as string] as number) }
  const iso = /^\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(Z|[+-]\d{2}:?\d{2})?)?$/.exec(text)
  const isDay = iso !== null && new Date(`${text.slice(0, 10)}T00:00:00Z`).toJSON()?.slice(0, 10) === text.slice(0, 10)
  const time_ms = iso && isDay ? Date.parse(iso[1] || text.length === 10 ? text : `${text}Z`) : Number.NaN
  if (!Number.isNaN(time_ms)) return { kind: 'time', time_ms }
  throw new UsageError('bad_as_of', `"${text}" is neither a time nor a snapshot`, {
    hint: 'write a time like 2026-01-31T12:00:00Z, how long ago (30s, 10m, 2h, 3d), or a snapshot id from assay tables',
  })
}

/**
 * The moment to look at. `all` are the tables in which a snapshot is looked for, downstream first; `read` those that
 * are shown. A table keeps its newest commits one by one and older states at full hours: where one of those read no
 * longer knows the time that is asked for, all are shown as of the newest earlier time that each of them still keeps,
 * so that they fit together. Throws `snapshot_unknown`.
 */
export function momentOf(
  asOf: AsOf,
  all: readonly TableMetadata[],
  read: readonly TableMetadata[],
  now_ms: number,
): Moment {
  const exact = asOf.kind === 'snapshot' ? named(asOf.id, all) : undefined
  const asked_ms =
    asOf.kind === 'time'
      ? asOf.time_ms
      : asOf.kind === 'ago'
        ? now_ms - asOf.ago_ms
        : (exact?.snapshot.timestamp_ms ?? 0)
  const others = read.filter(({ tableUuid }) => tableUuid !== exact?.tableUuid)
  let time_ms = Math.max(0, asked_ms)
  for (let known = -1; known !== time_ms; ) {
    known = time_ms
    for (const metadata of others) time_ms = Math.min(time_ms, knownUntil_ms(metadata, time_ms))
  }
  return { time_ms, ...(exact && { exact }), ...(time_ms < asked_ms && asked_ms >= 0 && { asked_ms }) }
}

function named(id: bigint, tables: readonly TableMetadata[]): Moment['exact'] {
  for (const { snapshots, tableUuid } of tables) {
    const snapshot = snapshots.find(({ snapshotId }) => snapshotId === id)
    if (snapshot) return { tableUuid, snapshot }
  }
  const oldest_ms = tables.flatMap((metadata) => mainHistory(metadata).at(-1)?.timestamp_ms ?? [])
  throw new UsageError('snapshot_unknown', `no table has a snapshot ${id}`, {
    hint:
      oldest_ms.length === 0
        ? 'no table has a snapshot yet'
        : `it has expired or never was; the oldest that is kept is of ${iso(Math.min(...oldest_ms))}: ${KEPT}. assay tables lists the newest of each table`,
  })
}

const KEPT = 'a table keeps its newest hundred commits, and its states at full hours as far as ASSAY_HISTORY_HOURS says'

/**
 * The snapshot of a table at a moment; undefined when the table was still empty. Throws `snapshot_expired` when it
 * can't be told any more.
 */
export function snapshotAt(name: string, metadata: TableMetadata, { time_ms, exact }: Moment): Snapshot | undefined {
  if (exact?.tableUuid === metadata.tableUuid) return exact.snapshot
  const history = mainHistory(metadata)
  const found = history.find(({ timestamp_ms }) => timestamp_ms <= time_ms)
  const oldest = history.at(-1)
  if (found || oldest === undefined || oldest.parentId === undefined) return found
  throw new UsageError('snapshot_expired', `${name} no longer knows how it was at ${iso(time_ms)}`, {
    hint: `it reaches back to ${iso(oldest.timestamp_ms)}: ${KEPT}`,
  })
}

/**
 * The last time, up to the one given, at which the table's state is known: the time itself where every commit since the
 * state then is kept; of a state that a tag keeps, the time in the tag's name. The time itself, too, where none is
 * kept.
 */
function knownUntil_ms(metadata: TableMetadata, time_ms: number): number {
  const history = mainHistory(metadata)
  const at = history.findIndex(({ timestamp_ms }) => timestamp_ms <= time_ms)
  const found = history[at]
  if (!found) return time_ms
  const recent = new Set([...ancestors(metadata)].map(({ snapshotId }) => snapshotId))
  const next = history[at - 1]
  if (recent.has(found.snapshotId) && (!next || next.parentId === found.snapshotId)) return time_ms
  const tag = taggedHistory(metadata).find(({ snapshot }) => snapshot.snapshotId === found.snapshotId)
  return Math.min(time_ms, Math.max(found.timestamp_ms, tag?.until_ms ?? 0))
}

/** What to tell where another time is shown than the one asked for. */
export function noteOf({ time_ms, asked_ms }: Moment): string | undefined {
  if (asked_ms === undefined) return undefined
  return `the tables are shown as of ${iso(time_ms)}, the newest time before ${iso(asked_ms)} that they all still keep`
}

/** What to tell of a table that was still empty at the moment, and no longer is. */
export function emptyNoteOf(name: string, metadata: TableMetadata, { time_ms }: Moment): string | undefined {
  const first = mainHistory(metadata).at(-1)
  return first && `${name} was empty at ${iso(time_ms)}: its first commit is of ${iso(first.timestamp_ms)}`
}

function iso(time_ms: number): string {
  return new Date(Math.min(Math.max(time_ms, 0), TIME_MAX_MS)).toISOString()
}
