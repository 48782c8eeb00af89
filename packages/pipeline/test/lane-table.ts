import { type LaneKey, position, type RowColumns, seededRandom } from '@assay/core'
import type { Session } from '@assay/engine'
import { FileSystemCatalog } from '@assay/iceberg'
import { MemoryStore } from '@assay/object-store'
import { VirtualClock } from '../../../tests/support/virtual-clock.js'
import {
  type Batch,
  CommitSignals,
  commitBatch,
  defineColumns,
  LakeTable,
  type LaneCheckpoint,
  type TableDefinition,
} from '../src/index.js'

/** A table with lanes, one of them that of replays. */
export const TABLE: TableDefinition = {
  name: 'trades',
  columns: defineColumns([
    ['topic', 'string'],
    ['partition', 'int'],
    ['offset', 'long'],
    ['replay_id', 'string'],
    ['replay_sequence', 'long'],
  ]),
  partitionBy: [],
  orderBy: ['offset'],
  coordinates: {
    topic: 'topic',
    partition: 'partition',
    offset: 'offset',
    replay: { id: 'replay_id', sequence: 'replay_sequence' },
  },
}

export interface Row {
  readonly partition: number
  readonly offset: number
  /** Place in the lane of replays of a row that is a replay. */
  readonly replay?: number
}

export async function openTable(definition: TableDefinition): Promise<LakeTable> {
  const clock = new VirtualClock()
  const random = seededRandom(1)
  const store = new MemoryStore()
  const catalog = new FileSystemCatalog(store, 'tables/test', { clock, random })
  return LakeTable.open(definition, { catalog, store, clock, random, signals: new CommitSignals() })
}

export function columnsOf(rows: readonly Row[]): RowColumns {
  return new Map([
    ['topic', { type: 'CONSTANT' as const, of: 'VARCHAR' as const, value: 't' }],
    ['partition', { type: 'INTEGER' as const, data: Int32Array.from(rows, (row) => row.partition) }],
    ['offset', { type: 'BIGINT' as const, data: BigInt64Array.from(rows, (row) => BigInt(row.offset)) }],
    [
      'replay_id',
      {
        type: 'DICTIONARY' as const,
        codes: Int32Array.from(rows, ({ replay }) => (replay === undefined ? -1 : 0)),
        dictionary: ['r'],
      },
    ],
    [
      'replay_sequence',
      {
        type: 'BIGINT' as const,
        data: BigInt64Array.from(rows, ({ replay }) => BigInt(replay ?? 0)),
        nulls: Uint8Array.from(rows, ({ replay }) => (replay === undefined ? 1 : 0)),
      },
    ],
  ])
}

/** Commits rows as one file, with what the checkpoint then says of lanes; gives the snapshot's id. */
export async function commitRows(
  table: LakeTable,
  session: Session,
  rows: readonly Row[],
  lanes: ReadonlyMap<LaneKey, LaneCheckpoint>,
): Promise<bigint> {
  const file = await table.write(session, [{ columns: columnsOf(rows), rows: Uint32Array.from(rows.keys()) }], {})
  return commitFiles(table, file ? [file] : [], lanes)
}

/** Moves a lane to a position without rows; `sides` as for any commit. Gives the snapshot's id. */
export function moveLane(
  table: LakeTable,
  lane: LaneKey,
  to: number,
  sides?: ReadonlyMap<string, LakeTable>,
): Promise<bigint> {
  return commitFiles(table, [], new Map([[lane, { position: position(BigInt(to)), sequence: to }]]), sides)
}

async function commitFiles(
  table: LakeTable,
  files: Batch['files'],
  lanes: ReadonlyMap<LaneKey, LaneCheckpoint>,
  sides: ReadonlyMap<string, LakeTable> = new Map(),
): Promise<bigint> {
  const { checkpoint } = await table.pin()
  const outcome = await commitBatch(table, sides, {
    kind: 'batch',
    files,
    sides: [],
    change: { basis: checkpoint, lanes, wholeCheckpoint: false },
    rows: 0,
    more: false,
    counts: {},
    committed: () => undefined,
  })
  if (outcome.kind !== 'committed') throw new Error(outcome.reason)
  return outcome.snapshot.id
}

/** A table to which each of these was committed, with a lane's greatest written offset as the last commit gives it. */
export async function tableOf(
  session: Session,
  definition: TableDefinition,
  commits: readonly (readonly Row[])[],
  written: Readonly<Record<LaneKey, number | undefined>>,
): Promise<LakeTable> {
  const table = await openTable(definition)
  for (const rows of commits) {
    const lanes = Object.entries(written).map(([key, at]): [LaneKey, LaneCheckpoint] => [
      key as LaneKey,
      { position: position(1_000n), sequence: 1, ...(at !== undefined && { written: BigInt(at) }) },
    ])
    await commitRows(table, session, rows, new Map(lanes))
  }
  return table
}
