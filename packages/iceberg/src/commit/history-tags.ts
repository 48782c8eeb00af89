import { ancestors, type Snapshot, type SnapshotRef, type TableMetadata } from '../format/metadata.js'
import type { HistoryPolicy } from '../table/policy.js'
import { elapsedOf } from '../table/table-time.js'

/** Tags of the history, as against those that people and other engines make. */
const NAME = /^assay-history-(\d{4}-\d{2}-\d{2}T\d{2})\.(\d{2})Z-\d+$/

/** Tags to set and to drop with a commit. */
interface HistoryChange {
  readonly set: Readonly<Record<string, SnapshotRef>>
  readonly drop: readonly string[]
}

/** The name says until when the table was in that state. */
function nameOf({ sequenceNumber }: Snapshot, until_ms: number): string {
  const minute = new Date(until_ms).toISOString().slice(0, 16).replace(':', '.')
  return `assay-history-${minute}Z-${sequenceNumber}`
}

interface TaggedSnapshot {
  readonly name: string
  readonly snapshot: Snapshot
  /** A time up to which main's head was this snapshot, as far as the name tells; its own at least. */
  readonly until_ms: number
}

/** The snapshots that the table's history tags keep, oldest first; all were main's head once. */
export function taggedHistory(metadata: TableMetadata): readonly TaggedSnapshot[] {
  const byId = new Map(metadata.snapshots.map((snapshot) => [snapshot.snapshotId, snapshot]))
  return Object.entries(metadata.refs)
    .flatMap(([name, { type, snapshotId }]) => {
      const match = type === 'tag' ? NAME.exec(name) : null
      const snapshot = byId.get(snapshotId)
      if (!match || !snapshot) return []
      const named_ms = Date.parse(`${match[1]}:${match[2]}:00Z`)
      return [{ name, snapshot, until_ms: Math.max(snapshot.timestamp_ms, Number.isNaN(named_ms) ? 0 : named_ms) }]
    })
    .sort((a, b) => a.snapshot.sequenceNumber - b.snapshot.sequenceNumber)
}

/** What was main's head at some time and can still be read, newest first. */
export function mainHistory(metadata: TableMetadata): readonly Snapshot[] {
  const recent = [...ancestors(metadata)]
  const known = new Set(recent.map(({ snapshotId }) => snapshotId))
  const tagged = taggedHistory(metadata).map(({ snapshot }) => snapshot)
  return [...recent, ...tagged.filter(({ snapshotId }) => !known.has(snapshotId)).reverse()]
}

/**
 * Tags main's head when the commit in hand passes a multiple of the time on the wall clock, so that all tables are
 * tagged as of the same moments; or when the table's own time says that one is overdue, since the wall clock may stand
 * still behind a base that is ahead of it. A clock that leaps on with every commit brings no flood of tags.
 */
export function historyChange(
  metadata: TableMetadata,
  policy: HistoryPolicy | undefined,
  now: { readonly time_ms: number; readonly elapsed_ms: number; readonly propertyPrefix: string },
): HistoryChange {
  if (!policy) return { set: {}, drop: [] }
  const tagged = taggedHistory(metadata)
  const next = policy.tagsToKeep > 0 ? toTag(metadata, policy, now, tagged.at(-1)?.snapshot) : undefined
  const keep = Math.max(0, policy.tagsToKeep - (next ? 1 : 0))
  return {
    set: next ? { [nameOf(next.snapshot, next.until_ms)]: { snapshotId: next.snapshot.snapshotId, type: 'tag' } } : {},
    drop: tagged.slice(0, Math.max(0, tagged.length - keep)).map(({ name }) => name),
  }
}

function toTag(
  metadata: TableMetadata,
  { tagEvery_ms }: HistoryPolicy,
  { time_ms, elapsed_ms, propertyPrefix }: Parameters<typeof historyChange>[2],
  last: Snapshot | undefined,
): Pick<TaggedSnapshot, 'snapshot' | 'until_ms'> | undefined {
  const [head, ...older] = ancestors(metadata)
  // A catalog that shows only the newest snapshot keeps no history that a tag could reach.
  if (!head || metadata.snapshots.length < 2) return undefined
  const first = older.at(-1)
  if (!last) return first && { snapshot: first, until_ms: first.timestamp_ms }
  if (last.sequenceNumber >= head.sequenceNumber) return undefined
  const since_ms = elapsed_ms - (elapsedOf(last, propertyPrefix) ?? 0)
  const multiple_ms = Math.floor(time_ms / tagEvery_ms) * tagEvery_ms
  if (multiple_ms > head.timestamp_ms && since_ms >= tagEvery_ms / 2) {
    return { snapshot: head, until_ms: Math.min(multiple_ms, time_ms - 1) }
  }
  return since_ms >= tagEvery_ms * 1.5 ? { snapshot: head, until_ms: time_ms - 1 } : undefined
}
