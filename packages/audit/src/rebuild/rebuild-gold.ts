import { rm } from 'node:fs/promises'
import type { LaneKey, Position } from '@assay/core'
import { type Session, withSession } from '@assay/engine'
import { DEFAULT_KEY_SET_BYTES } from '@assay/lake'
import { GOLD_TABLE, goldStage, silverTable } from '@assay/medallion'
import {
  type Checkpoint,
  FILE_PATH,
  FILE_ROW,
  type LakeTable,
  numberedScanSql,
  type PinnedTable,
  parquetFields,
  type ScanFile,
  type Stage,
  type TableDefinition,
  type UpstreamTable,
} from '@assay/pipeline'
import { boundedTable, type FilesOf, looseFile } from '../derive/bounded-table.js'
import { type RebuildContext, runStage } from './run-stage.js'

/** Field ids that the table format reserves for position deletes (specification, "Reserved Field IDs"). */
const DELETE_FIELDS = [
  { id: 2147483546, name: 'file_path', type: 'VARCHAR' },
  { id: 2147483545, name: 'pos', type: 'BIGINT' },
]
const FILES_AT_ONCE = 64

/**
 * Gold anew from the new silver tables, up to the given ends. Which row of a trade won is what the old duplicates (SQL
 * of their rows) say: rows that they don't name come first, those that they do second. Without them, the row that
 * gold meets first wins, as ever.
 */
export async function rebuildGold(
  rebuild: RebuildContext,
  ends: ReadonlyMap<LaneKey, Position>,
  ledger: string | undefined,
): Promise<void> {
  const silvers = await silversOf(rebuild, ends)
  if (ledger === undefined) {
    await runGold(
      rebuild,
      silvers.map(({ table, pinned, own }) =>
        boundedTable(table, pinned, own, (_, filter) => table.files(pinned, filter)),
      ),
    )
    return
  }
  const scratch: string[] = []
  const newPath = async (): Promise<string> => {
    const path = `${await rebuild.target.store.scratchDirectory()}/${rebuild.target.random.uuid()}.parquet`
    scratch.push(path)
    return path
  }
  try {
    await withSession(await rebuild.target.engine(), async (session) => {
      const kept: UpstreamTable[] = []
      const dropped: UpstreamTable[] = []
      for (const { table, pinned, own } of silvers) {
        const parts = await splitBy({ session, table, pinned, ledger, newPath })
        kept.push(boundedTable(table, pinned, own, parts.kept))
        dropped.push(boundedTable(table, pinned, own, parts.dropped))
      }
      await runGold(rebuild, kept)
      await runGold(rebuild, dropped, readAgain)
    })
  } finally {
    await Promise.all(scratch.map((path) => rm(path, { force: true })))
  }
}

interface NewSilver {
  readonly table: LakeTable
  readonly pinned: PinnedTable
  /** Positions that gold shall reach in the table's lanes. */
  readonly own: ReadonlyMap<LaneKey, Position>
}

async function silversOf({ target }: RebuildContext, ends: ReadonlyMap<LaneKey, Position>): Promise<NewSilver[]> {
  return Promise.all(
    target.exchanges.map(async ({ name }) => {
      const table = await target.table(silverTable(name))
      const pinned = await table.pin()
      return { table, pinned, own: new Map([...ends].filter(([key]) => pinned.checkpoint.lanes.has(key))) }
    }),
  )
}

function runGold(
  rebuild: RebuildContext,
  silvers: readonly UpstreamTable[],
  wrap: (stage: Stage) => Stage = (stage) => stage,
): Promise<void> {
  return runStage(rebuild, GOLD_TABLE, (context, gold) =>
    wrap(goldStage(context, { silvers, gold, keySet_bytes: DEFAULT_KEY_SET_BYTES, adopt: false })),
  )
}

/** Reads the lanes from their start although the table stands at their end, and leaves its positions as they are. */
function readAgain(stage: Stage): Stage {
  let lanes: Checkpoint['lanes'] = new Map()
  return {
    ...stage,
    async run(checkpoint, signal) {
      for (;;) {
        const outcome = await stage.run({ ...checkpoint, lanes }, signal)
        if (outcome.kind === 'idle') return outcome
        const after = new Map([...lanes, ...outcome.change.lanes])
        if (outcome.rows > 0) {
          const committed: typeof outcome.committed = (snapshot) => {
            lanes = after
            outcome.committed(snapshot)
          }
          return { ...outcome, change: { ...outcome.change, basis: checkpoint, lanes: new Map() }, committed }
        }
        lanes = after
      }
    },
  }
}

interface LedgerSplit {
  readonly session: Session
  readonly table: LakeTable
  readonly pinned: PinnedTable
  /** SQL of the rows that the ledger names. */
  readonly ledger: string
  /** A path for a file that lives as long as the parts. */
  newPath(): Promise<string>
}

/** Silver's rows that the ledger doesn't name, by way of position deletes, and copies of those that it names. */
async function splitBy({
  session,
  table,
  pinned,
  ledger,
  newPath,
}: LedgerSplit): Promise<{ readonly kept: FilesOf; readonly dropped: FilesOf }> {
  const files = await table.files(pinned)
  const deletes: ScanFile[] = []
  const copies: ScanFile[] = []
  const fields = parquetFields(table.definition)
  for (let i = 0; i < files.length; i += FILES_AT_ONCE) {
    const some = files.slice(i, i + FILES_AT_ONCE)
    const named = namedRows(table.definition, some, ledger)
    const path = await newPath()
    const select = `SELECT ${FILE_PATH}, ${FILE_ROW} FROM (${named}) ORDER BY ${FILE_PATH}, ${FILE_ROW}`
    const { rows } = await session.writeParquet({ select, path, fields: DELETE_FIELDS })
    if (rows === 0) continue
    deletes.push(looseFile(path))
    const copy = await newPath()
    const columns = fields.map(({ name }) => `"${name}"`).join(', ')
    const order = `ORDER BY topic, "partition", "offset"`
    await session.writeParquet({ select: `SELECT ${columns} FROM (${named}) ${order}`, path: copy, fields })
    copies.push(looseFile(copy))
  }
  const paths = deletes.map(({ path }) => path)
  return {
    kept: async (_pinned, filter) =>
      (await table.files(pinned, filter)).map((file) => ({ ...file, deletes: [...file.deletes, ...paths] })),
    dropped: async () => copies,
  }
}

/** The rows of some files that the ledger names, with the file and the position in it. */
function namedRows(definition: TableDefinition, files: readonly ScanFile[], ledger: string): string {
  return `SELECT * FROM (${numberedScanSql(definition, files)})
    WHERE (topic, "partition", "offset") IN (SELECT (topic, "partition", "offset") FROM (${ledger}))`
}
