import { AssayError, backOff_ms, DEFECT_HINT, isRetryable } from '@assay/core'
import type { TableVersion } from '../catalog/catalog.js'
import { keyOfPath } from '../catalog/paths.js'
import type { DataFile } from '../format/data-file.js'
import { greatestSequence } from '../format/invariants.js'
import { refuseIfMoved } from '../table/moved.js'
import type { Table } from '../table/table.js'
import type { CommitOutcome, CommitRequest, ManifestRef, TableChange } from './change.js'
import { type AddedManifest, type Draft, draftCommit } from './draft.js'
import type { Attempt } from './rewrite.js'
import { encodeManifest, putAll } from './written-manifest.js'

/** A commit that loses as often meets something other than chance. */
const ATTEMPTS_MAX = 200
/** Errors that leave no doubt that nothing was committed. */
const CERTAIN_LOSSES: ReadonlySet<string> = new Set(['paused', 'commit_contention', 'table_moved'])

/**
 * Commits a change, again and again on newer bases as long as others come first. Data files and the manifest of the
 * added files are written once; a retry writes new metadata only. Throws `commit_outcome_unknown` (an `OutageError`)
 * when the store leaves it open whether the commit took place; then nothing has been deleted.
 */
export async function commit(table: Table, request: CommitRequest): Promise<CommitOutcome> {
  return new Commit(table, request).run()
}

class Commit {
  readonly #table: Table
  readonly #request: CommitRequest
  readonly #snapshotId: bigint
  /** Keys put so far that no commit names; deleted once the outcome is certain. */
  readonly #leftovers = new Set<string>()
  #added: (AddedManifest & { readonly key: string; readonly files: readonly DataFile[] }) | undefined

  constructor(table: Table, request: CommitRequest) {
    this.#table = table
    this.#request = request
    this.#snapshotId = request.snapshotId ?? BigInt(table.random.id53())
  }

  async run(): Promise<CommitOutcome> {
    try {
      return await this.#race()
    } catch (error) {
      if (error instanceof AssayError && CERTAIN_LOSSES.has(error.code)) await this.#discard()
      throw error
    }
  }

  async #race(): Promise<CommitOutcome> {
    const { catalog, clock, name, random } = this.#table
    for (let tried = 1; tried <= ATTEMPTS_MAX; tried += 1) {
      const base = tried === 1 ? await this.#table.recent() : await this.#table.load()
      await refuseIfMoved(this.#table, base)
      const drafted = await this.#prepare(base)
      if (drafted.kind === 'refused') return this.#end(drafted)
      for (const { key } of drafted.objects) this.#leftovers.add(key)
      await putAll(this.#table, drafted.objects)
      const outcome = await catalog.compareAndSwap(name, base, drafted.next)
      switch (outcome.kind) {
        case 'committed':
          return this.#end(this.#committed(drafted, outcome.version))
        case 'base_expired':
          return this.#end(outcome)
        case 'conflict':
          // Others won the first race by chance; waiting before the second would only let them win that too.
          if (tried > 1) await clock.sleep(backOff_ms(Math.min(tried - 1, 4), random))
      }
    }
    throw new AssayError('commit_contention', `the commit to ${name} lost ${ATTEMPTS_MAX} races`, {
      hint: 'fewer writers should commit to this table',
      retryable: true,
    })
  }

  async #prepare(base: TableVersion): Promise<Draft | Extract<CommitOutcome, { kind: 'refused' }>> {
    const above = Math.max(greatestSequence(base.metadata), this.#request.sequenceAbove?.(base.metadata) ?? 0)
    const attempt = { snapshotId: this.#snapshotId, sequenceNumber: above + 1 }
    const prepared = this.#request.prepare(base.metadata, attempt)
    if (prepared.kind === 'refuse') return refused(base, prepared.reason, prepared.detail)
    const added = await this.#addedManifest(base, prepared.change)
    const drafted = await draftCommit(this.#table, base, prepared.change, attempt, added)
    return drafted.kind === 'refuse' ? refused(base, drafted.reason, drafted.detail) : drafted
  }

  async #addedManifest(base: TableVersion, change: TableChange): Promise<AddedManifest | undefined> {
    if (change.addManifest) return this.#givenManifest(base, change.addManifest, this.#snapshotId)
    const files = change.addFiles ?? []
    if (files.length === 0) return undefined
    if (this.#added && sameFiles(this.#added.files, files)) return this.#added
    const { path, key, bytes, manifest } = addedEntries(this.#table, base, files, { snapshotId: this.#snapshotId })
    this.#leftovers.add(key)
    await putAll(this.#table, [{ key, bytes }])
    this.#table.rememberManifest(path, manifest, bytes.length)
    this.#added = { path, key, length_bytes: bytes.length, manifest, files }
    return this.#added
  }

  async #givenManifest(base: TableVersion, given: ManifestRef, snapshotId: bigint): Promise<AddedManifest> {
    const manifest = await this.#table.manifest(base, {
      path: given.path,
      specId: base.metadata.defaultSpecId,
    })
    const fresh = manifest.entries.every((entry) => {
      return entry.status === 'added' && entry.snapshotId === snapshotId && entry.sequenceNumber === undefined
    })
    if (!fresh) {
      throw new AssayError(
        'manifest_not_fresh',
        `${given.path} is not a manifest of files to be added by this snapshot`,
        { hint: DEFECT_HINT },
      )
    }
    return { ...given, manifest }
  }

  #committed(draft: Draft, version: TableVersion): CommitOutcome {
    const { manifests, manifestListSize_bytes, objects, snapshot, written } = draft
    for (const { key } of objects) this.#leftovers.delete(key)
    if (this.#added && manifests.some(({ path }) => path === this.#added?.path)) this.#leftovers.delete(this.#added.key)
    this.#table.committed(version)
    this.#table.rememberManifests(snapshot.manifestList, manifests, manifestListSize_bytes)
    for (const { path, manifest, bytes } of written) this.#table.rememberManifest(path, manifest, bytes.length)
    return { kind: 'committed', version, snapshot }
  }

  async #end(outcome: CommitOutcome): Promise<CommitOutcome> {
    await this.#discard()
    return outcome
  }

  /** What stays behind in an outage is an orphan, to be found by listing. */
  async #discard(): Promise<void> {
    const deletions = await Promise.allSettled([...this.#leftovers].map((key) => this.#table.store.delete(key)))
    for (const deletion of deletions) {
      if (deletion.status === 'rejected' && !isRetryable(deletion.reason)) throw deletion.reason
    }
  }
}

function refused(version: TableVersion, reason: string, detail: unknown): Extract<CommitOutcome, { kind: 'refused' }> {
  return { kind: 'refused', reason, detail, version }
}

function sameFiles(a: readonly DataFile[], b: readonly DataFile[]): boolean {
  return a === b || (a.length === b.length && a.every((file, i) => file.path === b[i]?.path))
}

/**
 * Encodes a manifest of files to be added. Throws `unknown_partition_spec`, `mixed_partition_specs`,
 * `file_added_twice`.
 */
export function addedEntries(
  table: Table,
  base: TableVersion,
  files: readonly DataFile[],
  { snapshotId }: Pick<Attempt, 'snapshotId'>,
): ReturnType<typeof encodeManifest> {
  const specId = specOf(base, files)
  for (const file of files) keyOfPath(base, file.path)
  if (new Set(files.map(({ path }) => path)).size < files.length) {
    throw new AssayError('file_added_twice', 'a commit names one new data file twice', {
      hint: DEFECT_HINT,
    })
  }
  const entries = files.map((file) => ({
    status: 'added' as const,
    snapshotId,
    sequenceNumber: undefined,
    fileSequenceNumber: undefined,
    file,
  }))
  return encodeManifest(table, base, specId, entries)
}

/** The spec of the files, which need not be the table's default: another engine may have changed that meanwhile. */
function specOf(base: TableVersion, files: readonly DataFile[]): number {
  const specIds = new Set(files.map((file) => file.specId))
  const [specId = base.metadata.defaultSpecId] = specIds
  if (specIds.size > 1) {
    throw new AssayError('mixed_partition_specs', `new files are of partition specs ${[...specIds].join(', ')}`, {
      hint: 'load the table again and write the batch anew',
      retryable: true,
    })
  }
  if (!base.metadata.partitionSpecs.some((spec) => spec.specId === specId)) {
    throw new AssayError('unknown_partition_spec', `new files are of partition spec ${specId}, which the table lacks`, {
      hint: 'load the table again and write the batch anew',
      retryable: true,
    })
  }
  return specId
}
