import { type CompactionPolicy, collect } from '@assay/iceberg'
import { DLQ_TABLE, silverTable } from '@assay/medallion'
import { runReplay } from '@assay/operations'
import { type BatchLimits, compactSmallFiles, type TableDefinition } from '@assay/pipeline'
import type { MemoryLake } from '../support/memory-lake.js'
import type { World } from './world.js'

const COMPACTION: CompactionPolicy = {
  smallFilesMax: 3,
  small_bytes: 2 ** 20,
  task_bytes: 2 ** 20,
  taskFiles: 4,
  taskRows: 1000,
}

/** Gives the dead letters of every exchange another chance. */
export async function replayDeadLetters(lake: MemoryLake, limits: BatchLimits, signal: AbortSignal): Promise<void> {
  for (const { name } of lake.exchanges) {
    const request = { sourceTable: DLQ_TABLE.name, targetTable: silverTable(name).name, filter: {}, dryRun: false }
    await runReplay(lake, { ...request, limits }, signal)
  }
}

/** The pipeline's own tables, not the ledgers of jobs. */
function hasRows({ name }: TableDefinition): boolean {
  return /^(bronze|silver|gold)_/.test(name)
}

const MAINTAINED_AT_ONCE = 5

/** Compacts and cleans up some tables. */
export async function maintainSome(lake: MemoryLake, world: World): Promise<void> {
  const session = await (await lake.engine()).session()
  const definitions = lake.definitions.filter(hasRows)
  while (definitions.length > MAINTAINED_AT_ONCE) definitions.splice(world.below(definitions.length), 1)
  for (const definition of definitions) {
    const table = await lake.table(definition)
    await compactSmallFiles(table, session, COMPACTION)
    await collect(table.table)
  }
  await session.close()
}
