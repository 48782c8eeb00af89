import type { Clock, Random } from '@assay/core'
import {
  type CompareAndSwapOutcome,
  currentSnapshot,
  FileSystemCatalog,
  parseMetadata,
  type TableMetadata,
  type TableVersion,
} from '@assay/iceberg'
import type { ObjectStore } from '@assay/object-store'
import { TABLES } from './named-objects.js'

/**
 * Knows which version files were commits: those that were put right above the newest of all time. A file that is put
 * where an older version was cleaned up is none, and nobody reads it.
 */
export class CommitWatch {
  readonly #violations: string[]
  readonly #greatest = new Map<string, number>()
  readonly #made = new Map<string, string | undefined>()

  /** Commits of which somebody was told what is not so (A8) are added to `violations`. */
  constructor(violations: string[]) {
    this.#violations = violations
  }

  /** Told of every object as it is created. */
  created(key: string, bytes: Uint8Array): void {
    const [, tableKey, digits] = /^(.*)\/metadata\/v(\d+)\.metadata\.json$/.exec(key) ?? []
    if (tableKey === undefined) return
    const number = Number(digits)
    const greatest = this.#greatest.get(tableKey) ?? 0
    if (number !== greatest + 1) return
    this.#greatest.set(tableKey, number)
    this.#made.set(`${tableKey} v${number}`, listOf(parseMetadata(Buffer.from(bytes).toString('utf8'))))
  }

  judge(who: string, base: TableVersion, next: TableMetadata, { kind }: CompareAndSwapOutcome): void {
    const what = `${base.tableKey} v${Number(base.token) + 1}`
    // Who commits no snapshot of its own can't be told from others that don't.
    if (currentSnapshot(next) === undefined || listOf(next) === listOf(base.metadata)) return
    const isOurs = this.#made.get(what) === listOf(next)
    if (isOurs === (kind === 'committed')) return
    this.#violations.push(`${who} was told that its commit of ${what} is ${kind}, which it is not`)
  }
}

function listOf(metadata: TableMetadata): string | undefined {
  return currentSnapshot(metadata)?.manifestList
}

/** A process's own catalog, every outcome of which is looked at. */
export class WatchedCatalog extends FileSystemCatalog {
  readonly #who: string
  readonly #watch: CommitWatch

  constructor(
    who: string,
    watch: CommitWatch,
    store: ObjectStore,
    dependencies: { readonly clock: Clock; readonly random: Random },
  ) {
    super(store, TABLES, dependencies)
    this.#who = who
    this.#watch = watch
  }

  override async compareAndSwap(name: string, base: TableVersion, next: TableMetadata): Promise<CompareAndSwapOutcome> {
    const outcome = await super.compareAndSwap(name, base, next)
    this.#watch.judge(this.#who, base, next, outcome)
    return outcome
  }
}
