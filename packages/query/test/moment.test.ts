import { currentSnapshot, type Snapshot, type TableMetadata } from '@assay/iceberg'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { emptyNoteOf, momentOf, noteOf, snapshotAt } from '../src/as-of.js'

const HOUR_MS = 3_600_000
const START_MS = Date.UTC(2026, 0, 1)

/** A commit of a table, by its time; `tag` is until when a history tag says that it held. */
interface Commit {
  readonly time_ms: number
  readonly isKept: boolean
  readonly tag_ms?: number
}

/** Metadata with those commits of main that are kept. */
function tableOf(uuid: string, commits: readonly Commit[]): TableMetadata {
  const snapshots = commits.flatMap(({ time_ms, isKept }, i): Snapshot[] =>
    isKept
      ? [
          {
            snapshotId: BigInt(`${uuid}${i + 1}`),
            parentId: i === 0 ? undefined : BigInt(`${uuid}${i}`),
            sequenceNumber: i + 1,
            timestamp_ms: time_ms,
            manifestList: '',
            summary: {},
            schemaId: 0,
          },
        ]
      : [],
  )
  const tags = commits.flatMap(({ tag_ms, isKept }, i) => {
    if (tag_ms === undefined || !isKept) return []
    const minute = new Date(tag_ms).toISOString().slice(0, 16).replace(':', '.')
    return [
      [`assay-history-${minute}Z-${i + 1}`, { snapshotId: BigInt(`${uuid}${i + 1}`), type: 'tag' as const }] as const,
    ]
  })
  const head = snapshots.at(-1)?.snapshotId
  return {
    tableUuid: uuid,
    snapshots,
    currentSnapshotId: head,
    refs: {
      ...Object.fromEntries(tags),
      ...(head !== undefined && { main: { snapshotId: head, type: 'branch' as const } }),
    },
  } as unknown as TableMetadata
}

const at = (hours: number): number => START_MS + hours * HOUR_MS

/** A commit every quarter of an hour; the newest four are kept, and of the hours before the last of each, by a tag. */
function quarterly(uuid: string, hours: number, offset_ms = 0): TableMetadata {
  const count = hours * 4
  return tableOf(
    uuid,
    Array.from({ length: count }, (_, i) => {
      const isLast = i % 4 === 3
      const isRecent = i >= count - 4
      return {
        time_ms: START_MS + (i * HOUR_MS) / 4 + offset_ms,
        isKept: isRecent || isLast || i === 0,
        ...((isLast || i === 0) && { tag_ms: i === 0 ? START_MS : at((i + 1) / 4) }),
      }
    }),
  )
}

describe('Q2: a moment of the lake', () => {
  test('an id names that snapshot, also where others have its time', () => {
    const gold = tableOf('1', [
      { time_ms: START_MS, isKept: true },
      { time_ms: START_MS, isKept: true },
      { time_ms: START_MS + 5, isKept: true },
    ])
    const silver = tableOf('2', [
      { time_ms: START_MS - 1, isKept: true },
      { time_ms: START_MS + 1, isKept: true },
    ])
    for (const { snapshotId } of gold.snapshots) {
      const moment = momentOf({ kind: 'snapshot', id: snapshotId }, [gold, silver], [gold, silver], START_MS)
      expect(snapshotAt('gold', gold, moment)?.snapshotId).toBe(snapshotId)
      expect(snapshotAt('silver', silver, moment)?.snapshotId).toBe(snapshotId === 13n ? 22n : 21n)
      expect(noteOf(moment)).toBeUndefined()
    }
    expect(() => momentOf({ kind: 'snapshot', id: 99n }, [gold, silver], [gold], START_MS)).toThrow(
      expect.objectContaining({
        code: 'snapshot_unknown',
        hint: expect.stringMatching(/oldest that is kept is of 2025-12-31T23:59:59\.999Z.*ASSAY_HISTORY_HOURS/),
      }),
    )
  })

  test('full hours are exact in every table, other old times are shown as of one that all keep, and told', () => {
    const gold = quarterly('1', 12, 7_000)
    const silver = quarterly('2', 12)
    const tables = [gold, silver]
    for (const hours of [1, 5, 11]) {
      const moment = momentOf({ kind: 'time', time_ms: at(hours) }, tables, tables, at(12))
      expect(noteOf(moment)).toBeUndefined()
      expect(snapshotAt('silver', silver, moment)?.timestamp_ms).toBe(
        at(hours - 0.25) + (hours === 11 ? HOUR_MS / 4 : 0),
      )
    }
    const between = momentOf({ kind: 'time', time_ms: at(5.6) }, tables, tables, at(12))
    expect(between).toEqual({ time_ms: at(5), asked_ms: at(5.6) })
    expect(noteOf(between)).toMatch(/as of 2026-01-01T05:00:00\.000Z, the newest time before 2026-01-01T05:36:00\.000Z/)
    const ago = momentOf({ kind: 'ago', ago_ms: 7 * HOUR_MS }, tables, tables, at(12))
    expect(ago).toEqual({ time_ms: at(5) })
  })

  test('only tables that are read say how far it reaches', () => {
    const gold = tableOf('1', [
      { time_ms: at(0), isKept: false },
      { time_ms: at(4), isKept: true },
    ])
    const silver = quarterly('2', 5)
    const asOf = { kind: 'time', time_ms: at(2) } as const
    expect(snapshotAt('silver', silver, momentOf(asOf, [gold, silver], [silver], at(5)))?.timestamp_ms).toBe(at(1.75))
    const moment = momentOf(asOf, [gold, silver], [gold, silver], at(5))
    expect(() => snapshotAt('gold', gold, moment)).toThrow(
      expect.objectContaining({
        code: 'snapshot_expired',
        hint: expect.stringMatching(/reaches back to 2026-01-01T04:00:00\.000Z.*ASSAY_HISTORY_HOURS/),
      }),
    )
  })

  test('before its first commit a table was empty', () => {
    const table = quarterly('1', 3)
    const moment = momentOf({ kind: 'time', time_ms: START_MS - 1 }, [table], [table], at(3))
    expect(snapshotAt('t', table, moment)).toBeUndefined()
    expect(noteOf(moment)).toBeUndefined()
    expect(emptyNoteOf('t', table, moment)).toMatch(
      /^t was empty at 2025-12-31T23:59:59\.999Z: its first commit is of 2026-/,
    )
  })

  test('what is shown is what the table was, whatever is kept of it', () => {
    const commit = fc.record({
      step_ms: fc.integer({ min: 1, max: HOUR_MS }),
      isKept: fc.boolean(),
      isTagged: fc.boolean(),
    })
    fc.assert(
      fc.property(fc.array(commit, { minLength: 1, maxLength: 30 }), fc.nat(30 * HOUR_MS), (commits, asked) => {
        let time_ms = START_MS
        const times = commits.map(({ step_ms }) => {
          time_ms += step_ms
          return time_ms
        })
        const table = tableOf(
          '1',
          commits.map(({ isKept, isTagged }, i) => ({
            time_ms: times[i] as number,
            isKept: isKept || isTagged || i === commits.length - 1,
            // A tag's name says until when the table was in that state.
            ...(isTagged && { tag_ms: (times[i + 1] ?? time_ms + 1) - 1 }),
          })),
        )
        const moment = momentOf({ kind: 'time', time_ms: START_MS + asked }, [table], [table], time_ms)
        const truth = times.findLastIndex((one) => one <= moment.time_ms)
        let shown: Snapshot | undefined
        try {
          shown = snapshotAt('t', table, moment)
        } catch {
          return
        }
        expect(shown?.timestamp_ms).toBe(times[truth])
        if (moment.asked_ms === undefined) expect(moment.time_ms).toBe(START_MS + asked)
        expect(currentSnapshot(table)?.timestamp_ms).toBe(times.at(-1))
      }),
    )
  })
})
