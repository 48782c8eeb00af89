import { describe, expect, it } from 'vitest'
import { commitOutcome, ourSnapshot } from '../src/catalog/commit-outcome.js'
import type { Snapshot, TableMetadata } from '../src/format/metadata.js'
import { openWorld } from './support.js'

const { metadata: EMPTY } = await (await openWorld()).table.load()

function snapshot(id: number, parent: number | undefined, list = `list-${id}`): Snapshot {
  return {
    snapshotId: BigInt(id),
    parentId: parent === undefined ? undefined : BigInt(parent),
    sequenceNumber: id,
    timestamp_ms: id,
    manifestList: list,
    summary: {},
    schemaId: 0,
  }
}

/** A table of these snapshots, the last of them main's head. */
function table(...snapshots: readonly Snapshot[]): TableMetadata {
  const head = snapshots.at(-1)
  if (!head) return EMPTY
  const refs = { main: { snapshotId: head.snapshotId, type: 'branch' as const } }
  return { ...EMPTY, snapshots, currentSnapshotId: head.snapshotId, refs }
}

const first = snapshot(1, undefined)
const ours = snapshot(2, 1)
const base = table(first)

describe('A8: what the table says of a commit whose answer was lost', () => {
  it.each<[string, TableMetadata | undefined, string]>([
    ['no table', undefined, 'conflict'],
    [
      'another table of the name',
      { ...table(first, ours), tableUuid: '00000000-0000-4000-8000-000000000000' },
      'conflict',
    ],
    ['as it was', base, 'absent'],
    ['ours as head', table(first, ours), 'committed'],
    ['ours below others', table(first, ours, snapshot(3, 2)), 'committed'],
    ['ours, its base expired', table(ours, snapshot(3, 2)), 'committed'],
    ["a snapshot of another's with our id", table(first, snapshot(2, 1, 'list-of-another')), 'conflict'],
    ["another's", table(first, snapshot(3, 1)), 'conflict'],
    ["others', our base expired with all before it", table(snapshot(3, 1), snapshot(4, 3)), 'conflict'],
    ["others' on ours, which expired", table(snapshot(3, 2), snapshot(4, 3)), 'committed'],
    ['a history that does not reach back', table(snapshot(8, 7), snapshot(9, 8)), 'unknown'],
    ['a history that begins anew', table(snapshot(8, undefined)), 'unknown'],
  ])('%s', (_what, found, outcome) => {
    expect(commitOutcome(found, base, ours)).toBe(outcome)
  })

  it('of a change without a snapshot nothing can be said while the table is as it was', () => {
    expect(commitOutcome(base, base, undefined)).toBe('unknown')
    expect(ourSnapshot(base, base)).toBeUndefined()
    expect(ourSnapshot(base, table(first, ours))).toEqual(ours)
  })
})
