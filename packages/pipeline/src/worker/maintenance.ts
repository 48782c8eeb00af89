import { isRetryable } from '@assay/core'
import type { Session } from '@assay/engine'
import {
  type CompactionPolicy,
  type CompactionTask,
  collect,
  commit,
  planCompaction,
  removeOrphans,
  type TableVersion,
} from '@assay/iceberg'
import type { Batch } from '../stage/stage.js'
import { unwritableColumn } from '../table/copied-rows.js'
import type { LakeTable } from '../table/lake-table.js'

/** Commits to a table after which it is looked at for small files. */
const COMMITS_BETWEEN_COMPACTIONS = 16
/** How often unreferenced files are deleted. */
const COLLECT_MS = 30_000
/** How often the folder is searched for files that a crash left behind. */
const ORPHANS_MS = 6 * 3_600_000
/** The second search comes sooner: what the first one found is deleted by then. */
const SECOND_SEARCH_MS = 3_600_000

interface SinceLast {
  commits: number
  collected_ms: number
}

/** Compacts and cleans up a worker's tables between its batches. */
export class Maintenance {
  readonly #session: Session
  readonly #monotonic_ms: () => number
  readonly #main: LakeTable
  readonly #sides: ReadonlyMap<string, LakeTable>
  readonly #sinceLast = new Map<LakeTable, SinceLast>()
  #orphansDue_ms: number
  /** Keys of the orphans that the last search found. */
  #orphans: ReadonlySet<string> | undefined

  constructor(main: LakeTable, sides: ReadonlyMap<string, LakeTable>, session: Session, monotonic_ms: () => number) {
    this.#main = main
    this.#sides = sides
    this.#session = session
    this.#monotonic_ms = monotonic_ms
    this.#orphansDue_ms = monotonic_ms()
  }

  /** Does what is due after a commit. What an outage prevents is due again the next time. */
  async afterCommit(batch: Batch): Promise<void> {
    try {
      await this.#maintain(this.#main)
      for (const { table } of batch.sides) {
        const side = this.#sides.get(table.name)
        if (side) await this.#maintain(side)
      }
      await this.#removeOrphans()
    } catch (error) {
      if (!isRetryable(error)) throw error
    }
  }

  async #maintain(table: LakeTable): Promise<void> {
    const now_ms = this.#monotonic_ms()
    const last = this.#sinceLast.get(table) ?? { commits: 0, collected_ms: now_ms }
    this.#sinceLast.set(table, last)
    if (++last.commits >= COMMITS_BETWEEN_COMPACTIONS) {
      last.commits = 0
      await compactSmallFiles(table, this.#session)
    }
    if (now_ms - last.collected_ms >= COLLECT_MS) {
      last.collected_ms = now_ms
      await collect(table.table)
    }
  }

  /**
   * Deletes what two searches an hour apart have found, so that no jump of a clock makes a file of a commit in progress
   * an orphan. Only the main table's: a side table's folder also holds what several outboxes have
   * pending.
   */
  async #removeOrphans(): Promise<void> {
    const now_ms = this.#monotonic_ms()
    if (now_ms < this.#orphansDue_ms) return
    this.#orphansDue_ms = now_ms + (this.#orphans ? ORPHANS_MS : SECOND_SEARCH_MS)
    const keep = new Set(this.#main.statePaths(await this.#main.pin()))
    if (this.#orphans) await removeOrphans(this.#main.table, { keep, seenBefore: this.#orphans })
    const found = await removeOrphans(this.#main.table, { keep, dryRun: true })
    this.#orphans = new Set(found.map(({ key }) => key))
  }
}

/**
 * Rewrites partitions with many small files; the rows, with every column of the table, and its checkpoint stay as they
 * are. A table with a column that the engine can't write is left as it is.
 */
export async function compactSmallFiles(
  table: LakeTable,
  session: Session,
  policy?: CompactionPolicy,
): Promise<number> {
  const { version, tasks } = await dueCompactions(table, policy)
  for (const task of tasks) await compact(table, session, version, task)
  return tasks.length
}

/** The compactions that a table is due for. */
export async function dueCompactions(
  table: LakeTable,
  policy?: CompactionPolicy,
): Promise<{ readonly version: TableVersion; readonly tasks: readonly CompactionTask[] }> {
  const version = await table.table.load()
  if (unwritableColumn(version.metadata)) return { version, tasks: [] }
  return { version, tasks: await planCompaction(table.table, version, policy, table.specId(version)) }
}

async function compact(table: LakeTable, session: Session, version: TableVersion, task: CompactionTask): Promise<void> {
  const files = await table.copyRows(session, { table, version, files: task.files })
  const outcome = await commit(table.table, {
    prepare: () => ({
      kind: 'proceed',
      change: {
        operation: 'replace',
        addFiles: files,
        removeFiles: task.files.map((planned) => planned.file.path),
        plannedAt: task.plannedAt,
      },
    }),
  })
  if (outcome.kind === 'refused') await table.discard(files)
}
