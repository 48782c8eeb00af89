import { type Clock, OutageError } from '@assay/core'
import {
  currentSchema,
  type Evolved,
  evolveTable,
  matchTable,
  type NestedField,
  olderWriter,
  type Snapshot,
  type Table,
  type TableMatch,
  type TableVersion,
  type Wanted,
} from '@assay/iceberg'
import { icebergField, type TableDefinition } from './definition.js'

/** A state of a table to write to. */
export interface Writable {
  readonly version: TableVersion
  readonly match: TableMatch
  readonly specId: number
}

/** For how long a commit of an older version of Assay keeps columns from being added. */
export const OLDER_VERSIONS_MS = 3_600_000
/** While columns wait, the table is asked again this often. */
const ASK_MS = 30_000

interface Known {
  readonly key: string
  readonly match: TableMatch
  readonly ids: ReadonlyMap<string, number>
}

/** A definition's columns as its table has them, which changes while it is open. */
export class TableColumns {
  readonly #definition: TableDefinition
  readonly #table: Table
  readonly #clock: Clock
  readonly #olderVersions_ms: number
  readonly #wanted: Wanted
  #known: Known | undefined
  #warning: string | undefined
  #askedAgain_ms = Number.NEGATIVE_INFINITY

  constructor(definition: TableDefinition, table: Table, clock: Clock, olderVersions_ms = OLDER_VERSIONS_MS) {
    this.#definition = definition
    this.#table = table
    this.#clock = clock
    this.#olderVersions_ms = olderVersions_ms
    this.#wanted = wantedOf(definition)
  }

  /** What people should know of an older version of Assay that works on the table, as of the last write. */
  get warning(): string | undefined {
    return this.#warning
  }

  /** How a version of the table has the definition's columns. Throws `table_incompatible`. */
  match(version: TableVersion): TableMatch {
    return this.#of(version).match
  }

  /** The table's field ids by name of the definition's columns. */
  ids(version: TableVersion): ReadonlyMap<string, number> {
    return this.#of(version).ids
  }

  #of(version: TableVersion): Known {
    const { tableUuid, currentSchemaId, schemas, partitionSpecs, defaultSpecId } = version.metadata
    const key = [tableUuid, currentSchemaId, schemas.length, partitionSpecs.length, defaultSpecId].join('/')
    if (this.#known?.key === key) return this.#known
    const match = matchTable(this.#definition.name, version.metadataLocation, version.metadata, this.#wanted)
    this.#known = { key, match, ids: new Map([...match.fields].map(([name, { id }]) => [name, id])) }
    return this.#known
  }

  /**
   * The newest version, with the definition's columns added as far as that may be: they wait while an older version
   * of Assay commits to the table, and rows are written without them.
   */
  async writable(): Promise<Writable> {
    const version = await this.#table.recent()
    const match = this.match(version)
    if (match.missing.length === 0 && match.specId !== undefined) {
      this.#warning = this.#endangered(version)
      return { version, match, specId: match.specId }
    }
    const now_ms = this.#clock.monotonic_ms()
    if (match.specId !== undefined && now_ms - this.#askedAgain_ms < ASK_MS) {
      return { version, match, specId: match.specId }
    }
    this.#askedAgain_ms = now_ms
    return this.#settled(await this.#evolve(this.#wanted))
  }

  /** The same, with columns of another table, by name, besides. Throws `older_version_active` while they must wait. */
  async writableWith(others: readonly NestedField[]): Promise<Writable> {
    const { match } = await this.writable()
    const known = new Set(match.others.map(({ name }) => name))
    if (others.every(({ name }) => known.has(name))) return this.writable()
    const fields = [...this.#wanted.fields, ...others.map((field) => ({ ...field, required: false }))]
    const evolved = await this.#evolve({ ...this.#wanted, fields })
    if (evolved.kind === 'older_writer') throw olderVersionActive(this.#definition.name, evolved.snapshot)
    return this.#settled(evolved)
  }

  /** Columns were added, by us or another engine, and an older version that would lose them commits all the same. */
  #endangered({ metadata }: TableVersion): string | undefined {
    const [first] = metadata.schemas.filter(({ fields }) => fields.length > 0)
    const original = new Set(first?.fields.map(({ id }) => id))
    const added = currentSchema(metadata).fields.filter(({ id }) => !original.has(id))
    if (added.length === 0) return undefined
    const older = olderWriter(metadata, this.#clock.now_ms(), OLDER_VERSIONS_MS)
    if (!older) return undefined
    const { name } = this.#definition
    return `${name} may lose values of ${namesOf(added)}: ${lastCommit(older)}; upgrade whatever writes to ${name}`
  }

  #evolve(wanted: Wanted): Promise<Evolved> {
    return evolveTable(this.#table, wanted, { olderWriters_ms: this.#olderVersions_ms })
  }

  #settled(evolved: Evolved): Writable {
    const { version } = evolved
    const match = this.match(version)
    this.#warning =
      evolved.kind === 'current'
        ? this.#endangered(version)
        : waitingFor(this.#definition.name, match, evolved.snapshot)
    if (match.specId !== undefined) return { version, match, specId: match.specId }
    if (evolved.kind === 'older_writer') throw olderVersionActive(this.#definition.name, evolved.snapshot)
    throw new RangeError(`${this.#definition.name} has no partition spec although it was brought up to date`)
  }
}

function wantedOf({ columns, partitionBy }: TableDefinition): Wanted {
  return { fields: columns.map(icebergField), partitionBy }
}

function waitingFor(name: string, { missing }: TableMatch, older: Snapshot): string {
  return `${name} does not get ${namesOf(missing)} yet, and rows are written without: ${lastCommit(older)}; upgrade whatever writes to ${name}`
}

function namesOf(fields: readonly NestedField[]): string {
  return fields.map((field) => field.name).join(', ')
}

function lastCommit({ snapshotId, timestamp_ms }: Snapshot): string {
  const at = new Date(timestamp_ms).toISOString()
  return `an older version of Assay, which loses columns that it does not know, committed snapshot ${snapshotId} at ${at}`
}

function olderVersionActive(name: string, older: Snapshot): OutageError {
  return new OutageError('older_version_active', `${name} cannot be changed yet: ${lastCommit(older)}`, {
    hint: `upgrade whatever writes to ${name}; this goes on an hour after that version's last commit, or after ASSAY_OLDER_VERSIONS_MINUTES`,
  })
}
