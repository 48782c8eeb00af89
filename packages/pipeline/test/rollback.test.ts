import { type LaneKey, laneKey } from '@assay/core'
import { commit } from '@assay/iceberg'
import { describe, expect, it } from 'vitest'
import { openSession } from '../../../tests/support/open-session.js'
import { type LakeTable, type PinnedTable, pinTrusted, replayLane, type TableDefinition } from '../src/index.js'
import { type Row, TABLE, tableOf } from './lane-table.js'

/** The same, that only hands replays on. */
const HANDS_ON: TableDefinition = {
  ...TABLE,
  name: 'hands_on',
  coordinates: { topic: 'topic', partition: 'partition', offset: 'offset', replay: { id: 'replay_id' } },
}
const LEDGER: TableDefinition = { name: 'ledger', columns: TABLE.columns, partitionBy: [], orderBy: ['offset'] }

const session = await openSession()

/** The pinned state as it is once history no longer reaches back to the checkpoint's snapshot. */
async function withoutHistory(table: LakeTable): Promise<PinnedTable> {
  const pinned = await table.pin()
  const { version, checkpoint } = pinned
  const snapshots = version.metadata.snapshots.slice(-1).map((one) => ({ ...one, sequenceNumber: 90, parentId: 7n }))
  return {
    ...pinned,
    version: { ...version, metadata: { ...version.metadata, snapshots } },
    checkpoint: { ...checkpoint, snapshot: { id: 12n, sequence: 80 } },
  }
}

/** What is told of the table: nothing when it may be worked on, else the error's message. */
async function told(table: LakeTable, given?: PinnedTable): Promise<string | undefined> {
  try {
    const pinned = await pinTrusted(table, session, given)
    expect(pinned).toBe(given ?? (await table.pin()))
    return undefined
  } catch (error) {
    expect(error).toMatchObject({ code: 'table_rolled_back', hint: expect.stringMatching(/roll .* forward/) })
    return (error as Error).message
  }
}

const [ZERO, ONE] = [0, 1].map((partition) => laneKey({ topic: 't', partition })) as [LaneKey, LaneKey]
const at = (partition: number, offset: number): Row => ({ partition, offset })

describe('T9: rollbacks', () => {
  it('T9: a table that has its checkpoint’s snapshot is trusted, one without a checkpoint, too', async () => {
    expect(await told(await tableOf(session, TABLE, [], {}))).toBeUndefined()
    expect(await told(await tableOf(session, TABLE, [[at(0, 1)], [at(0, 2)]], { [ZERO]: 99 }))).toBeUndefined()
  })

  it('T9: so is one that another engine has gone on with since', async () => {
    const table = await tableOf(session, TABLE, [[at(0, 1)]], { [ZERO]: 99 })
    await commit(table.table, { prepare: () => ({ kind: 'proceed', change: { operation: 'append' } }) })
    expect(await told(table)).toBeUndefined()
  })

  it('T9: one whose head is an older snapshot is not, without a look at its rows', async () => {
    const table = await tableOf(session, TABLE, [[at(0, 1)], [at(0, 2)]], { [ZERO]: 99 })
    const pinned = await table.pin()
    const { metadata } = pinned.version
    const snapshotId = metadata.snapshots[0]?.snapshotId ?? 0n
    const back = { ...metadata, currentSnapshotId: snapshotId }
    expect(await told(table, { ...pinned, version: { ...pinned.version, metadata: back } })).toMatch(
      /^trades was rolled back behind its checkpoint$/,
    )
  })

  it.each<[what: string, written: Readonly<Record<LaneKey, number | undefined>>, lane: LaneKey | undefined]>([
    ['all that was written is there', { [ZERO]: 5, [ONE]: 9 }, undefined],
    ['more is there than was written', { [ZERO]: 4, [ONE]: 0 }, undefined],
    ['the last row of the first lane is missing', { [ZERO]: 6, [ONE]: 9 }, ZERO],
    ['the last row of the second lane is missing', { [ZERO]: 5, [ONE]: 10 }, ONE],
    ['all rows of a lane are missing', { [ZERO]: 5, [laneKey({ topic: 't', partition: 2 })]: 0 }, 't/2' as LaneKey],
    ['a lane has never had rows', { [ZERO]: 5, [ONE]: undefined }, undefined],
    ['no lane has ever had rows', { [ONE]: undefined }, undefined],
  ])('T9: where history is cut, rows decide: %s', async (_what, written, lane) => {
    const table = await tableOf(session, TABLE, [[at(0, 5), at(0, 2)], [at(1, 9)]], written)
    const found = await told(table, await withoutHistory(table))
    if (lane === undefined) expect(found).toBeUndefined()
    else expect(found).toContain(`rows of ${lane} are missing`)
  })

  it('T9: replayed rows count in the lane of replays, by their place there, and not in that of their record', async () => {
    const commits = [[at(0, 5)], [{ partition: 0, offset: 3, replay: 7 }], [{ partition: 0, offset: 8, replay: 6 }]]
    for (const [written, isTrusted] of [
      [{ [ZERO]: 5, [replayLane(TABLE)]: 7 }, true],
      [{ [ZERO]: 5, [replayLane(TABLE)]: 8 }, false],
      [{ [ZERO]: 6, [replayLane(TABLE)]: 7 }, false],
    ] as const) {
      const table = await tableOf(session, TABLE, commits, written)
      expect((await told(table, await withoutHistory(table))) === undefined).toBe(isTrusted)
    }
    // A table that only hands replays on knows no place of theirs: the others still decide.
    for (const [written, isTrusted] of [
      [{ [ZERO]: 5, [replayLane(HANDS_ON)]: 8 }, true],
      [{ [ZERO]: 6, [replayLane(HANDS_ON)]: 8 }, false],
    ] as const) {
      const table = await tableOf(session, HANDS_ON, commits, written)
      expect((await told(table, await withoutHistory(table))) === undefined).toBe(isTrusted)
    }
  })

  it('T9: only files are opened that may hold the last row of a lane, all of them where there are replays', async () => {
    const commits = [[at(0, 1)], [at(1, 4)], [at(0, 9)]]
    for (const [written, opened] of [
      [{ [ZERO]: 9, [ONE]: 4 }, 2],
      [{ [ZERO]: 9 }, 1],
      [{ [ZERO]: 9, [replayLane(TABLE)]: 0 }, 3],
    ] as const) {
      const table = await tableOf(session, TABLE, commits, written)
      const files = table.files.bind(table)
      let found = 0
      table.files = async (pinned, filter) => {
        const some = await files(pinned, filter)
        found = some.length
        return some
      }
      await told(table, await withoutHistory(table))
      expect(found).toBe(opened)
    }
  })

  it('T9: a ledger has no lanes by which anything could be missed', async () => {
    const table = await tableOf(session, LEDGER, [[at(0, 5)]], { [ZERO]: 99 })
    expect(await told(table, await withoutHistory(table))).toBeUndefined()
  })
})
