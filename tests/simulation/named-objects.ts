import {
  FileSystemCatalog,
  keyOfPath,
  parseMetadata,
  pendingEntries,
  publishedSequence,
  Table,
  type TableVersion,
} from '@assay/iceberg'
import type { SimStore } from './sim-store.js'
import type { World } from './world.js'

export const TABLES = 'tables/market_data'
const PREFIX = 'assay.'

/**
 * Reads metadata straight from the store, past all processes, to tell which objects somebody may still want to read.
 */
export class NamedObjects {
  readonly #store: SimStore
  readonly #world: World
  readonly #tables = new Map<string, Table>()
  readonly #named = new Map<string, ReadonlySet<string>>()
  readonly #versions = new Map<string, { readonly text: string; readonly version: TableVersion }>()

  constructor(store: SimStore, world: World) {
    this.#store = store
    this.#world = world
  }

  /** Keys that any snapshot of the version names: lists, manifests, data files, and the saved key set. */
  async of(version: TableVersion): Promise<ReadonlySet<string>> {
    const known = this.#named.get(version.metadataLocation)
    if (known) return known
    const table = this.#table(version.tableKey)
    const keys = new Set<string>()
    for (const snapshot of version.metadata.snapshots) {
      keys.add(keyOfPath(version, snapshot.manifestList))
      for (const manifest of await table.manifests(version, snapshot)) {
        keys.add(keyOfPath(version, manifest.path))
        for (const entry of (await table.manifest(version, manifest)).entries) {
          if (entry.status !== 'deleted') keys.add(keyOfPath(version, entry.file.path))
        }
      }
    }
    this.#named.set(version.metadataLocation, keys)
    return keys
  }

  /** Versions of a table that a reader may have begun with so long ago, newest first. */
  async versionsSince(tableKey: string, since_ms: number): Promise<TableVersion[]> {
    const numbers: number[] = []
    for await (const { key } of this.#store.list(`${tableKey}/metadata/v`)) {
      const match = /\/v(\d+)\.metadata\.json$/.exec(key)
      if (match) numbers.push(Number(match[1]))
    }
    const versions: TableVersion[] = []
    for (const number of numbers.sort((a, b) => b - a)) {
      const version = await this.#version(tableKey, number)
      versions.push(version)
      if (version.metadata.lastUpdated_ms <= since_ms) break
    }
    return versions
  }

  /** Manifests that wait in an outbox, and the files that they list. */
  async pending(): Promise<ReadonlySet<string>> {
    const keys = new Set<string>()
    for (const main of await this.#newest()) {
      for (const entry of pendingEntries(main.metadata, PREFIX)) {
        const [side] = await this.versionsSince(`${TABLES}/${entry.table}`, Number.POSITIVE_INFINITY)
        if (!side || publishedSequence(side.metadata, main.metadata.tableUuid, PREFIX) >= entry.sequence) continue
        keys.add(keyOfPath(side, entry.manifest))
        const { entries } = await this.#table(side.tableKey).manifest(side, { path: entry.manifest, specId: 0 })
        for (const { file } of entries) keys.add(keyOfPath(side, file.path))
      }
    }
    return keys
  }

  async #newest(): Promise<TableVersion[]> {
    const names = await new FileSystemCatalog(this.#store, TABLES, this.#dependencies).list()
    const versions = await Promise.all(
      names.map((name) => this.versionsSince(`${TABLES}/${name}`, Number.POSITIVE_INFINITY)),
    )
    return versions.flatMap(([newest]) => newest ?? [])
  }

  get #dependencies() {
    const { random } = this.#world
    const now_ms = (): number => this.#world.now_ms
    return { clock: { now_ms, monotonic_ms: now_ms, sleep: async () => undefined }, random }
  }

  #table(tableKey: string): Table {
    const known = this.#tables.get(tableKey)
    if (known) return known
    const catalog = new FileSystemCatalog(this.#store, TABLES, this.#dependencies)
    const table = new Table(catalog, tableKey.slice(TABLES.length + 1), { ...this.#dependencies, store: this.#store })
    this.#tables.set(tableKey, table)
    return table
  }

  async #version(tableKey: string, number: number): Promise<TableVersion> {
    const key = `${tableKey}/metadata/v${number}.metadata.json`
    const text = Buffer.from((await this.#store.get(key)) ?? []).toString('utf8')
    const known = this.#versions.get(key)
    if (known?.text === text) return known.version
    const version = {
      metadata: parseMetadata(text),
      metadataLocation: this.#store.location(key),
      tableKey,
      token: String(number),
    }
    this.#versions.set(key, { text, version })
    return version
  }
}
