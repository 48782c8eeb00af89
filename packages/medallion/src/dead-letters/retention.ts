import { AssayError, type Clock } from '@assay/core'
import type { Session } from '@assay/engine'
import {
  commit,
  currentSnapshot,
  type DataFile,
  greatestSequence,
  type PlannedFile,
  partitionKey,
  pendingChange,
  pendingEntries,
  type TableChange,
  type TableVersion,
  writePendingManifest,
} from '@assay/iceberg'
import type { LakeTable, SideFiles, TableDefinition, WriteDataFile } from '@assay/pipeline'
import { publishPending, scanSql, timestampLiteral } from '@assay/pipeline'
import { DEAD_LETTER } from '../silver/dead-letter-filter.js'
import { DLQ_ARCHIVE_TABLE, RESOLUTIONS_TABLE } from '../silver/dead-letter-tables.js'
import { writeResolutions } from './replay-ledger.js'

const DAY_MS = 86_400_000
/** Days in the queue, counted from the rejection (`error_timestamp`): a dead letter of old trades has them, too. */
export const HOT_DAYS = 30
/** Days in the archive, counted from the archiving or the last resolution, whichever is later. */
export const ARCHIVE_DAYS = 90

interface RetentionOptions {
  readonly session: Session
  readonly clock: Clock
  readonly write: WriteDataFile
  readonly queue: LakeTable
  readonly archive: LakeTable
  readonly resolutions: LakeTable
}

export interface RetentionReport {
  readonly archived: number
  readonly purged: number
}

/** Partitions rewritten in one commit. */
const PARTITIONS_MAX = 64
const REFUSED_MAX = 50

/**
 * Moves dead letters past their time from the queue to the archive, and purges from the archive what is past its time
 * there. A dead letter is copied before it is removed, so that it is always in one of them at least (D5); each commit
 * demands what it was planned on, so that runs beside each other or after a kill move every dead letter once. A purge
 * and the resolutions that remain of it are one commit.
 */
export async function retainDeadLetters(options: RetentionOptions): Promise<RetentionReport> {
  const retention = new Retention(options)
  return { archived: await retention.archive(), purged: await retention.purge() }
}

/** What `retainDeadLetters` would do; tables that are missing are empty. */
export async function countRetention(
  { session, clock, queue }: Pick<RetentionOptions, 'session' | 'clock' | 'queue'>,
  archive: LakeTable | undefined,
  resolutions: LakeTable | undefined,
): Promise<RetentionReport> {
  const archived = await scanOf(DLQ_ARCHIVE_TABLE, archive)
  const count = async (sql: string): Promise<number> =>
    Number((await session.rows(`SELECT count(*) AS n FROM ${sql}`))[0]?.n)
  return {
    archived: await count(`(${await scanOf(queue.definition, queue)})
      WHERE ${isOld(clock)} AND (${DEAD_LETTER}) NOT IN (SELECT (${DEAD_LETTER}) FROM (${archived}))`),
    purged: await count(`(${archived}) WHERE ${isDue(clock, await scanOf(RESOLUTIONS_TABLE, resolutions))}`),
  }
}

/** SQL that is true of a queue's dead letter past its time. */
function isOld(clock: Clock): string {
  return `error_timestamp < ${timestampLiteral(clock.now_ms() - HOT_DAYS * DAY_MS)}`
}

/** SQL that is true of a dead letter past its time in the archive, and not resolved or reopened since. */
function isDue(clock: Clock, resolutions: string): string {
  const until = timestampLiteral(clock.now_ms() - ARCHIVE_DAYS * DAY_MS)
  return `archived_at < ${until} AND (${DEAD_LETTER}) NOT IN (SELECT (${DEAD_LETTER}) FROM (${resolutions})
    WHERE resolution <> 'archived' AND resolved_at >= ${until})`
}

async function scanOf(definition: TableDefinition, table: LakeTable | undefined): Promise<string> {
  return scanSql(definition, table ? await table.files(await table.pin()) : [])
}

/** The files of one partition that may hold dead letters past their time. */
interface Part {
  readonly files: readonly PlannedFile[]
  readonly scan: string
}

/** Resolutions that a commit decides on, and what of the outbox was published before it was planned. */
interface Decided {
  readonly files: readonly SideFiles[]
  readonly published: ReadonlySet<string>
}

type Step = 'done' | 'more' | 'refused'

class Retention {
  readonly #options: RetentionOptions
  readonly #sides: ReadonlyMap<string, LakeTable>
  #moved = 0
  #purged = 0

  constructor(options: RetentionOptions) {
    this.#options = options
    this.#sides = new Map([[options.resolutions.definition.name, options.resolutions]])
  }

  async archive(): Promise<number> {
    const old = isOld(this.#options.clock)
    await repeat(this.#options.queue, () => this.#archiveSome(old))
    return this.#moved
  }

  async purge(): Promise<number> {
    await repeat(this.#options.archive, () => this.#purgeSome())
    return this.#purged
  }

  async #archiveSome(old: string): Promise<Step> {
    const { clock, session, write, queue, archive } = this.#options
    const published = await publishPending(archive, this.#sides)
    const { version: queued } = await queue.pin()
    const { version: archived } = await archive.pin()
    const parts = await this.#parts(queue, queued, old)
    if (parts.length === 0) return 'done'
    const files: DataFile[] = []
    const moved: string[] = []
    for (const { scan, files: some } of parts) {
      const values = some[0] && queue.partitionOf(queued, some[0])
      const there = await archive.plan(archived, values ? { keepPartition: (other) => sameValues(other, values) } : {})
      const known = scanSql(archive.definition, await Promise.all(there.map((file) => archive.scanFile(file))))
      const where = `${old} AND (${DEAD_LETTER}) NOT IN (SELECT (${DEAD_LETTER}) FROM (${known}))`
      const rows = { table: queue, version: queued, files: some, where }
      const copies = await archive.copyRows(session, rows, { archived_at: timestampLiteral(clock.now_ms()) })
      if (copies.length === 0) continue
      files.push(...copies)
      moved.push(`SELECT ${DEAD_LETTER} FROM (${scan}) WHERE ${where}`)
    }
    if (files.length > 0) {
      const at_ms = clock.now_ms()
      const sides = await writeResolutions({ write }, moved.join(' UNION ALL '), { resolution: 'archived', at_ms })
      const change = { operation: 'append' as const, addFiles: files }
      if (!(await this.#commit(archive, archived, change, { files: sides, published }))) return 'refused'
      await publishPending(archive, this.#sides)
      this.#moved += files.reduce((sum, { recordCount }) => sum + recordCount, 0)
    }
    return (await this.#remove(queue, queued, parts, old)) ? 'more' : 'refused'
  }

  async #purgeSome(): Promise<Step> {
    const { clock, write, archive, resolutions } = this.#options
    const published = await publishPending(archive, this.#sides)
    const { version } = await archive.pin()
    const due = isDue(clock, await scanOf(RESOLUTIONS_TABLE, resolutions))
    const parts = await this.#parts(archive, version, due)
    if (parts.length === 0) return 'done'
    const gone = parts.map(({ scan }) => `SELECT ${DEAD_LETTER} FROM (${scan}) WHERE ${due}`).join(' UNION ALL ')
    const note = `${ARCHIVE_DAYS} days in the archive`
    const sides = await writeResolutions({ write }, gone, { resolution: 'purged', at_ms: clock.now_ms(), note })
    if (!(await this.#remove(archive, version, parts, due, { files: sides, published }))) return 'refused'
    await publishPending(archive, this.#sides)
    this.#purged += sides.flatMap(({ files }) => files).reduce((sum, { recordCount }) => sum + recordCount, 0)
    return 'more'
  }

  /** Partitions that hold dead letters which the condition is true of. */
  async #parts(table: LakeTable, version: TableVersion, condition: string): Promise<Part[]> {
    const groups = new Map<string, PlannedFile[]>()
    for (const planned of await table.plan(version, {})) {
      const key = partitionKey(planned.file.specId, planned.file.partition)
      groups.set(key, [...(groups.get(key) ?? []), planned])
    }
    const parts: Part[] = []
    for (const files of groups.values()) {
      const scan = scanSql(table.definition, await Promise.all(files.map((file) => table.scanFile(file))))
      const [row] = await this.#options.session.rows(`SELECT count(*) AS n FROM (${scan}) WHERE ${condition}`)
      if (Number(row?.n) === 0) continue
      parts.push({ files, scan })
      if (parts.length === PARTITIONS_MAX) break
    }
    return parts
  }

  /** Rewrites the partitions without the dead letters that the condition is true of. */
  async #remove(
    table: LakeTable,
    version: TableVersion,
    parts: readonly Part[],
    condition: string,
    decided?: Decided,
  ): Promise<boolean> {
    const files: DataFile[] = []
    for (const part of parts) {
      const kept = { table, version, files: part.files, where: `(${condition}) IS NOT TRUE` }
      files.push(...(await table.copyRows(this.#options.session, kept)))
    }
    return this.#commit(
      table,
      version,
      {
        operation: 'overwrite',
        addFiles: files,
        removeFiles: parts.flatMap((part) => part.files.map(({ file }) => file.path)),
        plannedAt: greatestSequence(version.metadata),
      },
      decided,
    )
  }

  /**
   * False, with nothing changed, when the table is no longer as planned. What a commit decides demands the very
   * snapshot it was planned on; one that decides nothing, only that its removed files are there still: workers add to
   * the queue all the time.
   */
  async #commit(
    table: LakeTable,
    planned: TableVersion,
    change: Pick<TableChange, 'operation' | 'removeFiles' | 'plannedAt'> & { readonly addFiles: readonly DataFile[] },
    decided: Decided | undefined,
  ): Promise<boolean> {
    const { resolutions } = this.#options
    const side = decided?.files.flatMap(({ files }) => files) ?? []
    const manifest = side.length > 0 ? await writePendingManifest(resolutions.table, side) : undefined
    const prefix = table.table.propertyPrefix
    const outcome = await commit(table.table, {
      prepare(base, next) {
        if (!manifest || !decided) return { kind: 'proceed', change }
        const { published } = decided
        const isChanged = currentSnapshot(base)?.snapshotId !== currentSnapshot(planned.metadata)?.snapshotId
        const waits = pendingEntries(base, prefix).some((entry) => !published.has(entry.manifest))
        if (isChanged || waits) return { kind: 'refuse', reason: 'changed' }
        const entry = {
          table: resolutions.definition.name,
          manifest: manifest.path,
          length_bytes: manifest.length_bytes,
          sequence: next.sequenceNumber,
        }
        const setProperties = pendingChange(base, prefix, { add: [entry], published })
        return { kind: 'proceed', change: { ...change, setProperties } }
      },
    })
    if (outcome.kind === 'refused') {
      await table.discard(change.addFiles)
      await resolutions.discard(side)
    }
    return outcome.kind === 'committed'
  }
}

function sameValues(a: Readonly<Record<string, unknown>>, b: Readonly<Record<string, unknown>>): boolean {
  return Object.entries(a).every(([name, value]) => b[name] === value)
}

async function repeat(table: LakeTable, step: () => Promise<Step>): Promise<void> {
  for (let refused = 0; ; ) {
    const outcome = await step()
    if (outcome === 'done') return
    refused = outcome === 'refused' ? refused + 1 : 0
    if (refused === REFUSED_MAX) {
      throw new AssayError('retention_contended', `${table.definition.name} changed under ${REFUSED_MAX} attempts`, {
        hint: 'something else rewrites the table all the time; run this again when it is done',
        retryable: true,
      })
    }
  }
}
