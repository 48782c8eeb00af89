import { AssayError, backOff_ms, type Clock, isRetryable, OutageError, type Random, UsageError } from '@assay/core'
import type { ObjectStore } from '@assay/object-store'
import { serializeMetadata, type TableMetadata } from '../format/metadata.js'
import { withMetadataLog } from '../format/update.js'
import { isBuiltUpon } from './built-upon.js'
import type { Catalog, CompareAndSwapOutcome, ForgetLimits, TableVersion } from './catalog.js'
import { isAnother, readMetadata } from './read-metadata.js'
import { outcomeUnknown, retryOutages } from './retry.js'
import { VersionFiles } from './version-files.js'

/** Metadata is kept for fifteen minutes at least; what was seen to be the newest is believed for ten. */
const BELIEVED_MS = 10 * 60_000
const OUTAGE_ATTEMPTS = 6
const LOAD_ATTEMPTS = 20
/** Versions that are forgotten by the age of one of them: as many may stay beyond their time. */
const FORGET_AT_ONCE = 16
const FORGET_BATCHES_MAX = 256

interface Newest {
  readonly version: TableVersion
  /** When the next version was last seen to be absent, on the wall clock and on the monotonic one. */
  readonly seen_ms: number
  readonly seen_monotonic_ms: number
}

/**
 * Tables as folders of an object store, in the manner of Iceberg's file-system tables: the put of
 * `metadata/v{N+1}.metadata.json`, if absent, is the commit. Any number of processes may commit at once.
 * Other engines may commit only while the catalog is paused: their rename can overwrite.
 */
export class FileSystemCatalog implements Catalog {
  readonly #store: ObjectStore
  readonly #prefix: string
  readonly #clock: Clock
  readonly #random: Random
  readonly #newest = new Map<string, Newest>()
  /** What a version's file holds. */
  readonly #bytes = new WeakMap<TableVersion, Buffer>()
  readonly #oldest = new Map<string, number>()

  /** Tables lie under `<prefix>/<name>`. */
  constructor(
    store: ObjectStore,
    prefix: string,
    { clock, random }: { readonly clock: Clock; readonly random: Random },
  ) {
    this.#store = store
    this.#prefix = prefix
    this.#clock = clock
    this.#random = random
  }

  async newLocation(name: string): Promise<{ readonly tableKey: string; readonly location: string }> {
    const tableKey = this.#tableKey(name)
    return { tableKey, location: this.#store.location(tableKey) }
  }

  #tableKey(name: string): string {
    if (!/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/.test(name)) {
      throw new UsageError('bad_table_name', `"${name}" cannot be a table's name`, {
        hint: 'use letters, digits, _ - and . , at most 128',
      })
    }
    return `${this.#prefix}/${name}`
  }

  get #pauseKey(): string {
    return `${this.#prefix}/paused.json`
  }

  /** From here on every commit through this kind of catalog ends in the error `paused`. */
  async pause(reason: string): Promise<void> {
    await this.#store.put(this.#pauseKey, Buffer.from(JSON.stringify({ reason, since_ms: this.#clock.now_ms() })))
  }

  async resume(): Promise<void> {
    await this.#store.delete(this.#pauseKey)
  }

  async isPaused(): Promise<boolean> {
    return (await this.#store.size_bytes(this.#pauseKey)) !== undefined
  }

  /** When the commits were paused, in ms since 1970; 0 where that can't be read, and undefined where they are not. */
  async pausedSince(): Promise<number | undefined> {
    const bytes = await this.#store.get(this.#pauseKey)
    if (bytes === undefined) return undefined
    const since = /"since_ms":(\d{1,15})\b/.exec(Buffer.from(bytes).toString())?.[1]
    return since === undefined ? 0 : Number(since)
  }

  /** Throws `paused` while the commits are. */
  async refuseIfPaused(): Promise<void> {
    if (!(await this.isPaused())) return
    throw new AssayError('paused', 'commits are paused, so that another engine may change the tables', {
      hint: '"assay maintain --resume" lets them go on, when the other engine is done',
      retryable: true,
    })
  }

  #files(name: string): VersionFiles {
    return new VersionFiles(this.#store, this.#tableKey(name))
  }

  async load(name: string): Promise<TableVersion | undefined> {
    const files = this.#files(name)
    for (let attempt = 1; attempt <= LOAD_ATTEMPTS; attempt += 1) {
      const known = this.#newest.get(name)
      const start = known && this.#isFresh(known) ? known.version : await this.#coldStart(name, files)
      if (start === 'no table') {
        this.#newest.delete(name)
        return undefined
      }
      const found = start && (await this.#probeUp(name, files, start))
      if (found) return found
    }
    throw new OutageError('table_in_flux', `table ${name} changes faster than it can be read`, { hint: 'try again' })
  }

  #isFresh(known: Newest): boolean {
    const wall_ms = this.#clock.now_ms() - known.seen_ms
    return wall_ms >= 0 && wall_ms < BELIEVED_MS && this.#clock.monotonic_ms() - known.seen_monotonic_ms < BELIEVED_MS
  }

  #remember(name: string, version: TableVersion): void {
    this.#newest.set(name, this.#seenNow(version))
  }

  /**
   * A version from which to probe upwards. The hint's one will do if it is young: its successors cannot have been
   * cleaned up yet. Otherwise only a listing tells, since a hint may have been set back by a writer that slept.
   * Undefined when what was listed has been cleaned up since.
   */
  async #coldStart(name: string, files: VersionFiles): Promise<TableVersion | 'no table' | undefined> {
    const hinted = await files.hint()
    const version = hinted === undefined ? undefined : await this.#read(name, files, hinted)
    const age_ms = version && this.#clock.now_ms() - version.metadata.lastUpdated_ms
    if (age_ms !== undefined && age_ms >= 0 && age_ms < BELIEVED_MS) return version
    const newest = (await files.list()).at(-1)
    if (newest !== undefined) return this.#read(name, files, newest)
    // A listing may not show yet a table that was just made.
    return (await this.#read(name, files, 1)) ?? 'no table'
  }

  /** Undefined when so much time passed over the probing that the versions in between may be gone. */
  async #probeUp(name: string, files: VersionFiles, start: TableVersion): Promise<TableVersion | undefined> {
    const known = this.#newest.get(name)
    const begun: Newest = known?.version === start ? known : this.#seenNow(start)
    let version = start
    for (;;) {
      const next = await this.#read(name, files, Number(version.token) + 1)
      if (!next) break
      version = next
    }
    if (!this.#isFresh(begun)) {
      this.#newest.delete(name)
      return undefined
    }
    this.#remember(name, version)
    return version
  }

  #seenNow(version: TableVersion): Newest {
    return { version, seen_ms: this.#clock.now_ms(), seen_monotonic_ms: this.#clock.monotonic_ms() }
  }

  async #read(name: string, files: VersionFiles, number: number): Promise<TableVersion | undefined> {
    const found = await this.#store.get(files.key(number))
    if (!found) return undefined
    const bytes = Buffer.from(found)
    try {
      return this.#version(name, files, number, this.#parse(name, files, number, bytes), bytes)
    } catch (error) {
      throw await this.#withWayBack(error, name, files, number)
    }
  }

  #parse(name: string, files: VersionFiles, number: number, bytes: Buffer): TableMetadata {
    return readMetadata({ table: name, location: this.#store.location(files.key(number)) }, bytes.toString('utf8'))
  }

  /** Where the version before is whole, an operator can go back to it. */
  async #withWayBack(error: unknown, name: string, files: VersionFiles, number: number): Promise<unknown> {
    if (!(error instanceof AssayError) || error.retryable) return error
    const before = await this.#store.get(files.key(number - 1))
    try {
      if (before) this.#parse(name, files, number - 1, Buffer.from(before))
    } catch {
      return error
    }
    if (!before) return error
    const { code, message, hint, cause } = error
    const back = `v${number - 1}.metadata.json beside it is whole: stop all writers and rename v${number}.metadata.json to go back to that state`
    return new AssayError(code, message, { hint: hint === undefined ? back : `${hint}; ${back}`, cause })
  }

  #version(name: string, files: VersionFiles, number: number, metadata: TableMetadata, bytes: Buffer): TableVersion {
    const metadataLocation = this.#store.location(files.key(number))
    const version = { metadata, metadataLocation, tableKey: this.#tableKey(name), token: String(number) }
    this.#bytes.set(version, bytes)
    return version
  }

  async create(name: string, metadata: TableMetadata): Promise<'created' | 'exists'> {
    const files = this.#files(name)
    await this.refuseIfPaused()
    if (await this.load(name)) return 'exists'
    const bytes = Buffer.from(serializeMetadata(metadata), 'utf8')
    if ((await this.#putVersion(files, 1, bytes)) === 'taken') return 'exists'
    const above = await this.#nextAbove(name, files, 1)
    if (above && above.metadata.tableUuid !== metadata.tableUuid) {
      // We slept while others made the table and cleaned its first version up.
      await this.#settled(() => this.#store.delete(files.key(1)))
      return 'exists'
    }
    await files.raiseHint(1)
    this.#remember(name, this.#version(name, files, 1, metadata, bytes))
    return 'created'
  }

  async compareAndSwap(name: string, base: TableVersion, next: TableMetadata): Promise<CompareAndSwapOutcome> {
    const files = this.#files(name)
    const number = Number(base.token) + 1
    const metadata = withMetadataLog(next, base.metadata, base.metadataLocation)
    await this.refuseIfPaused()
    const bytes = Buffer.from(serializeMetadata(metadata), 'utf8')
    const put = await this.#putVersion(files, number, bytes)
    if (put === 'taken') return { kind: 'conflict' }
    const version = this.#version(name, files, number, metadata, bytes)
    const there = await this.#settled(() => this.#store.get(files.key(number - 1)))
    if (!there || isAnother(there, this.#bytes.get(base), base)) return this.#settleWithoutBase(name, files, version)
    await files.raiseHint(number)
    this.#remember(name, version)
    return { kind: 'committed', version }
  }

  /**
   * Puts a version file and finds out whose it is. After an outage the file is read back: ours by its bytes,
   * another's, or absent, in which case the same put is safe to repeat.
   */
  async #putVersion(files: VersionFiles, number: number, bytes: Buffer): Promise<'ours' | 'taken'> {
    let cause: unknown
    for (let attempt = 1; attempt <= OUTAGE_ATTEMPTS; attempt += 1) {
      try {
        if ((await this.#store.putIfAbsent(files.key(number), bytes)) === 'created') return 'ours'
      } catch (error) {
        if (!isRetryable(error)) throw error
        cause = error
        await this.#clock.sleep(backOff_ms(attempt, this.#random))
      }
      const found = await this.#settled(() => this.#store.get(files.key(number)))
      if (found) return bytes.equals(found) ? 'ours' : 'taken'
    }
    throw outcomeUnknown(files.key(number), cause)
  }

  /** A read on which the outcome of a commit depends. */
  async #settled<T>(read: () => Promise<T>): Promise<T> {
    try {
      return await retryOutages(read, { attempts: OUTAGE_ATTEMPTS, clock: this.#clock, random: this.#random })
    } catch (cause) {
      throw outcomeUnknown('the table', cause)
    }
  }

  /** The oldest living version above a number; undefined when there is none. */
  async #nextAbove(name: string, files: VersionFiles, number: number): Promise<TableVersion | undefined> {
    const next = (await this.#settled(() => files.list())).find((one) => one > number)
    if (next === undefined) return undefined
    const version = await this.#settled(() => this.#read(name, files, next))
    if (!version) throw outcomeUnknown(files.key(number))
    return version
  }

  /**
   * The base is gone. If it was gone before the put, the file stands below the oldest living version and nobody reads
   * it: the commit does not count. But it may have been there, both been built upon, and the base cleaned up since:
   * then the versions above name our snapshot.
   */
  async #settleWithoutBase(name: string, files: VersionFiles, version: TableVersion): Promise<CompareAndSwapOutcome> {
    this.#newest.delete(name)
    const number = Number(version.token)
    const above = await this.#nextAbove(name, files, number)
    if (above) {
      const found = isBuiltUpon(above.metadata, version.metadata)
      if (found === undefined) throw outcomeUnknown(files.key(number))
      if (found) return { kind: 'committed', version }
    }
    await this.#settled(() => this.#store.delete(files.key(number)))
    return { kind: 'base_expired', reason: `version ${number - 1}, on which the commit was built, has been cleaned up` }
  }

  async list(): Promise<readonly string[]> {
    const names = new Set<string>()
    const folder = `${this.#prefix}/`
    for await (const { key } of this.#store.list(folder)) {
      const match = /^([^/]+)\/metadata\/v\d+\.metadata\.json$/.exec(key.slice(folder.length))
      if (match?.[1]) names.add(match[1])
    }
    return [...names].sort()
  }

  async forgetVersions(name: string, { keep, isOld }: ForgetLimits): Promise<readonly string[]> {
    const files = this.#files(name)
    const current = await this.load(name)
    if (!current) return []
    const end = Number(current.token) - keep
    let at = this.#oldest.get(name) ?? (await files.list())[0] ?? end
    const deleted: string[] = []
    for (let batch = 0; batch < FORGET_BATCHES_MAX && at < end; batch += 1) {
      const last = Math.min(at + FORGET_AT_ONCE, end) - 1
      // Ages descend with the numbers, so the youngest of a batch speaks for all of it.
      const youngest = await this.#read(name, files, last)
      if (!youngest) {
        at = last + 1
        continue
      }
      if (!isOld(youngest.metadata)) break
      for (; at <= last; at += 1) {
        await this.#store.delete(files.key(at))
        deleted.push(files.key(at))
        this.#oldest.set(name, at + 1)
      }
    }
    return deleted
  }
}
