import { AssayError, UsageError } from '@assay/core'
import type { ObjectStore } from '@assay/object-store'
import { checkCompatible } from './compatibility.js'
import { checkReader, type ReaderOf } from './reader-gate.js'
import type { SchemaLookup, SchemaRegistry, SubjectReport } from './registry.js'
import { canonicalSchema } from './schema-text.js'
import { SCHEMA_ID_MAX } from './wire-header.js'

/** More schemas than this mean that somebody registers a new one with every start. */
const SCHEMAS_MAX = 10_000

interface Entry {
  readonly subject: string
  readonly schema: string
}

/**
 * A registry in a folder of an object store: `<prefix>/ids/<id>.json` holds `{subject, schema}` and never
 * changes. Whoever registers takes the next id by an atomic create, after having read every lower one, so
 * any number of processes agree on the ids. A subject that takes over another's schema is noted by an empty object
 * `<prefix>/subjects/<subject>/<id>.json`. Besides outages and what the port says, `register` throws
 * `schema_invalid` and `registry_full`, and every call `registry_corrupt` for an entry that can't be read.
 */
export function openEmbeddedRegistry(store: ObjectStore, prefix: string, readerOf?: ReaderOf): SchemaRegistry {
  return new EmbeddedRegistry(store, prefix, readerOf)
}

class EmbeddedRegistry implements SchemaRegistry {
  /** Entries never change once written, so they are kept; that an id is unknown is asked every time. */
  private readonly known = new Map<number, Entry>()

  constructor(
    private readonly store: ObjectStore,
    private readonly prefix: string,
    private readonly readerOf: ReaderOf | undefined,
  ) {}

  async register(subject: string, schema: string): Promise<number> {
    const entry = { subject, schema: canonicalSchema(schema) }
    checkReader(subject, entry.schema, this.readerOf)
    const { own, same, latest, greatest } = await this.standingOf(entry)
    if (own !== undefined) return own
    if (latest !== undefined) checkCompatible(subject, entry.schema, latest)
    if (same === undefined) return this.takeNextId(greatest + 1, entry)
    await this.share(subject, same)
    return same
  }

  async schema(id: number): Promise<SchemaLookup> {
    if (!Number.isInteger(id) || id < 1 || id > SCHEMA_ID_MAX) return { kind: 'unknown' }
    const entry = await this.lookUp(id)
    return entry ? { kind: 'found', schema: entry.schema } : { kind: 'unknown' }
  }

  async inspect(subject: string, schema: string): Promise<SubjectReport> {
    const level = 'BACKWARD'
    const entry = { subject, schema: canonicalSchema(schema) }
    const { own, latest } = await this.standingOf(entry)
    if (own !== undefined) return { standing: { kind: 'registered', id: own }, level }
    if (latest === undefined) return { standing: { kind: 'absent' }, level }
    try {
      checkReader(subject, entry.schema, this.readerOf)
      checkCompatible(subject, entry.schema, latest)
      return { standing: { kind: 'compatible' }, level }
    } catch (error) {
      if (!(error instanceof UsageError) || error.code !== 'schema_incompatible') throw error
      return { standing: { kind: 'incompatible', detail: error.message }, level }
    }
  }

  /** The schema's id under its subject or under another, the subject's latest schema, and the greatest id of all. */
  private async standingOf({ subject, schema }: Entry): Promise<{
    readonly own: number | undefined
    readonly same: number | undefined
    readonly latest: string | undefined
    readonly greatest: number
  }> {
    const shared = new Set(await this.listIds(this.subjectFolder(subject)))
    const ids = await this.listIds(this.folder)
    const greatest = ids.at(-1) ?? 0
    let same: number | undefined
    let latest: string | undefined
    for (const id of ids) {
      const there = await this.lookUp(id)
      if (!there) continue
      const isOfSubject = there.subject === subject || shared.has(id)
      if (there.schema === schema) {
        if (isOfSubject) return { own: id, same: id, latest, greatest }
        same ??= id
      }
      if (isOfSubject) latest = there.schema
    }
    return { own: undefined, same, latest, greatest }
  }

  private async takeNextId(first: number, entry: Entry): Promise<number> {
    const bytes = new TextEncoder().encode(`${JSON.stringify(entry)}\n`)
    for (let id = first; id <= SCHEMAS_MAX; id++) {
      if ((await this.store.putIfAbsent(this.key(id), bytes)) === 'created') return id
      const winner = await this.lookUp(id)
      if (winner?.schema === entry.schema) {
        if (winner.subject !== entry.subject) await this.share(entry.subject, id)
        return id
      }
      if (winner?.subject === entry.subject) checkCompatible(entry.subject, entry.schema, winner.schema)
    }
    throw new AssayError('registry_full', `the registry holds ${SCHEMAS_MAX} schemas, its limit`, {
      hint: 'look for a producer that registers a different schema with every start',
    })
  }

  private async share(subject: string, id: number): Promise<void> {
    await this.store.putIfAbsent(`${this.subjectFolder(subject)}${id}.json`, new TextEncoder().encode('{}\n'))
  }

  /** Ids in a folder, ascending. */
  private async listIds(folder: string): Promise<number[]> {
    const ids: number[] = []
    for await (const { key } of this.store.list(folder)) {
      const match = /^(\d{1,10})\.json$/.exec(key.slice(folder.length))
      if (match) ids.push(Number(match[1]))
    }
    return ids.sort((a, b) => a - b)
  }

  private async lookUp(id: number): Promise<Entry | undefined> {
    const known = this.known.get(id)
    if (known !== undefined) return known
    const bytes = await this.store.get(this.key(id))
    if (!bytes) return undefined
    const entry = this.parse(id, bytes)
    this.known.set(id, entry)
    return entry
  }

  private parse(id: number, bytes: Uint8Array): Entry {
    try {
      const entry: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
      if (isEntry(entry)) return entry
      throw new Error('subject and schema are expected')
    } catch (cause) {
      throw new AssayError('registry_corrupt', `${this.store.location(this.key(id))} is not a registry entry`, {
        hint: 'restore the file; an id must never come to mean another schema',
        cause,
      })
    }
  }

  private key(id: number): string {
    return `${this.folder}${id}.json`
  }

  private get folder(): string {
    return `${this.prefix}/ids/`
  }

  private subjectFolder(subject: string): string {
    return `${this.prefix}/subjects/${encodeURIComponent(subject)}/`
  }
}

function isEntry(value: unknown): value is Entry {
  const entry = value as Partial<Entry> | null
  return typeof entry === 'object' && typeof entry?.subject === 'string' && typeof entry.schema === 'string'
}
