import { backOff_ms, type Clock, isRetryable, OutageError, type Random, UsageError } from '@assay/core'
import type { ObjectStore } from '@assay/object-store'
import { asArray, asObject, asString, serializeJson } from '../format/json.js'
import type { Snapshot, TableMetadata } from '../format/metadata.js'
import { schemaJson } from '../format/schema.js'
import type { Catalog, CompareAndSwapOutcome, TableVersion } from './catalog.js'
import { commitOutcome, ourSnapshot } from './commit-outcome.js'
import { plain } from './paths.js'
import { metadataOf } from './read-metadata.js'
import type { RestSecrets } from './rest-auth.js'
import { defaultRestLimits, isTransient, pathPrefix, RestClient, type RestLimits } from './rest-client.js'
import { type FirstSnapshot, withFirstSnapshot } from './rest-first-snapshot.js'
import { hasNamespace, hasStagedTable, hasTable, hasTables, type RestReply, saysMissing } from './rest-reply.js'
import { commitRequest, creationUpdates, diffMetadata, requirementsOf } from './rest-updates.js'
import { outcomeUnknown } from './retry.js'

export interface RestCatalogOptions extends RestSecrets {
  /** Base address, to which `v1/…` is added. */
  readonly url: string
  /** Which of the catalog's warehouses; its default unless given. */
  readonly warehouse?: string
  /** Made with its first table if it is missing. */
  readonly namespace: string
  /** Where the tables' files lie; every table's location must be within it. */
  readonly store: ObjectStore
  readonly clock: Clock
  readonly random: Random
  readonly limits?: Partial<RestLimits>
}

const PAGES_MAX = 1_000

interface Newest {
  readonly version: TableVersion
  readonly etag: string | undefined
  /** The whole answer: the same one again, as most are while nothing happens, need not be parsed. */
  readonly text: string
}

/**
 * Opens a namespace of an Iceberg REST catalog, and changes nothing in it. Throws a `UsageError` (`bad_catalog_options`,
 * `bad_catalog_url`, `catalog_denied`), `catalog_refused`, or an `OutageError`.
 */
export async function openRestCatalog(options: RestCatalogOptions): Promise<RestCatalog> {
  checkOptions(options)
  const { clock, random } = options
  const limits = { ...defaultRestLimits, ...options.limits }
  const client = new RestClient(options.url, options, { clock, random, limits })
  const query = options.warehouse === undefined ? '' : `?warehouse=${encodeURIComponent(options.warehouse)}`
  const prefix = await pathPrefix(client, `v1/config${query}`)
  return new RestCatalog(client, `v1/${prefix}namespaces`, limits.attempts, options)
}

function checkOptions({ namespace, token, credential }: RestCatalogOptions): void {
  const mistakes = [
    ...(/^[A-Za-z0-9_][A-Za-z0-9_-]{0,127}$/.test(namespace) ? [] : [`"${namespace}" cannot be a namespace's name`]),
    ...(token !== undefined && credential !== undefined ? ['both a token and a credential are given'] : []),
  ]
  if (mistakes.length === 0) return
  throw new UsageError('bad_catalog_options', mistakes.join('; '), {
    hint: 'a namespace has letters, digits, _ and -; give ASSAY_CATALOG_TOKEN or ASSAY_CATALOG_CREDENTIAL, not both',
  })
}

/**
 * Tables of one namespace of an Iceberg REST catalog. The server applies our updates to its newest metadata, so that
 * others may commit at any time: a compare-and-swap is a conflict only when main has moved or the table was made anew.
 */
export class RestCatalog implements Catalog {
  readonly #client: RestClient
  readonly #namespaces: string
  readonly #tables: string
  readonly #attempts: number
  readonly #namespace: string
  readonly #store: ObjectStore
  readonly #clock: Clock
  readonly #random: Random
  readonly #newest = new Map<string, Newest>()

  /** `openRestCatalog` makes one. `namespaces` is the path of all namespaces. */
  constructor(client: RestClient, namespaces: string, attempts: number, options: RestCatalogOptions) {
    this.#client = client
    this.#namespaces = namespaces
    this.#tables = `${namespaces}/${encodeURIComponent(options.namespace)}/tables`
    this.#attempts = attempts
    this.#namespace = options.namespace
    this.#store = options.store
    this.#clock = options.clock
    this.#random = options.random
  }

  #path(name: string): string {
    if (!/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/.test(name)) {
      throw new UsageError('bad_table_name', `"${name}" cannot be a table's name`, {
        hint: 'use letters, digits, _ - and . , at most 128',
      })
    }
    return `${this.#tables}/${name}`
  }

  async newLocation(name: string): Promise<{ readonly tableKey: string; readonly location: string }> {
    this.#path(name)
    const tableKey = `tables/${this.#namespace}/${name}`
    return { tableKey, location: this.#store.location(tableKey) }
  }

  async load(name: string): Promise<TableVersion | undefined> {
    const known = this.#newest.get(name)
    const reply = await this.#client.get(this.#path(name), hasTable, {
      ...(known?.etag && { headers: { 'if-none-match': known.etag } }),
      known: known?.text,
    })
    if (known && (reply.status === 304 || reply.text === known.text)) return known.version
    if (reply.status === 200) return this.#received(name, await this.#confirmed(name, reply))
    if (!saysMissing(reply)) throw this.#client.unexpected(reply, `loading ${name}`)
    this.#newest.delete(name)
    return undefined
  }

  /** Another table under the name is believed when the catalog says so twice: a mix-up in between passes. */
  async #confirmed(name: string, reply: RestReply): Promise<RestReply> {
    const known = this.#newest.get(name)
    if (known === undefined || uuidIn(reply) === known.version.metadata.tableUuid) return reply
    await this.#clock.sleep(backOff_ms(this.#attempts, this.#random))
    const again = await this.#client.get(this.#path(name), hasTable, { headers: { 'cache-control': 'no-cache' } })
    if (again.status === 200 && uuidIn(again) === uuidIn(reply)) return again
    throw new OutageError(
      'catalog_answer_unreadable',
      `the catalog gave two answers for ${name}, of different tables`,
      {
        hint: 'look at what stands between here and the catalog',
      },
    )
  }

  /** The version in an answer; the same object as before when it is the same version. */
  #received(name: string, reply: RestReply): TableVersion {
    const known = this.#newest.get(name)
    if (known?.text === reply.text) return known.version
    const { body, etag, text } = reply
    const token = asString(body?.['metadata-location'], 'metadata-location')
    if (known?.version.token === token) return known.version
    const metadata = metadataOf({ table: name, location: token }, body?.metadata)
    const version = { metadata, metadataLocation: token, tableKey: this.#keyOf(name, metadata.location), token }
    this.#newest.set(name, { version, etag, text })
    return version
  }

  /** Key of a table's folder in our store. */
  #keyOf(name: string, location: string): string {
    const root = this.#store.location('x').slice(0, -1)
    const found = plain(location).replace(/\/+$/, '')
    if (found.startsWith(root) && found.length > root.length) return found.slice(root.length)
    const message = `the catalog has table ${name} at ${location}, which is not in ${root}`
    const hint =
      'set ASSAY_LAKE to the location where the catalog keeps its tables, or name another ASSAY_CATALOG_WAREHOUSE'
    // Once it was within: then this is the catalog's doing, or of what answers in its place.
    if (this.#newest.has(name)) throw new OutageError('table_outside_lake', message, { hint })
    throw new UsageError('table_outside_lake', message, { hint })
  }

  /**
   * Makes the table with an empty first snapshot: there are servers that take the requirement of a commit on a
   * table without one, that there be none, for no requirement, and would let two first commits pass. Where the
   * server refuses our location its own is taken.
   */
  async create(name: string, metadata: TableMetadata): Promise<'created' | 'exists'> {
    await this.#ensureNamespace()
    const made = await this.#createAt(name, metadata)
    if (typeof made === 'string') return made
    const location = await this.#serversLocation(name, metadata)
    const again = await this.#createAt(name, { ...metadata, location })
    if (typeof again === 'string') return again
    throw this.#client.unexpected(again, `making ${name} at ${location}, which it chose itself`)
  }

  async #ensureNamespace(): Promise<void> {
    const name = this.#namespace
    const found = await this.#client.get(`${this.#namespaces}/${encodeURIComponent(name)}`, hasNamespace(name))
    if (found.status === 200) return
    if (!saysMissing(found)) throw this.#client.unexpected(found, `a request for namespace ${name}`)
    const request = serializeJson({ namespace: [name] })
    const made = await this.#client.postRepeatable(this.#namespaces, request, hasNamespace(name))
    if (made.status !== 200 && made.status !== 409) throw this.#client.unexpected(made, `making namespace ${name}`)
  }

  /** The answer, where it refuses the location. */
  async #createAt(name: string, metadata: TableMetadata): Promise<'created' | 'exists' | RestReply> {
    const first = withFirstSnapshot(metadata, this.#keyOf(name, metadata.location), this.#random)
    await this.#store.put(first.key, first.bytes)
    const outcome = await this.#settleCreation(name, first)
    // After an error the table may be there and name it.
    if (outcome !== 'created') await this.#store.delete(first.key)
    return outcome
  }

  async #settleCreation(name: string, first: FirstSnapshot): Promise<'created' | 'exists' | RestReply> {
    const { metadata } = first
    const updates = creationUpdates(metadata)
    const text = commitRequest(this.#namespace, name, [{ type: 'assert-create' }], updates)
    const lost: unknown[] = []
    for (let attempt = 1; attempt <= this.#attempts; attempt += 1) {
      const reply = await this.#posted(name, text, lost)
      // First: a refusal may answer the second of two requests that a proxy made of one.
      const found = await this.#settled(name)
      if (found) return found.metadata.tableUuid === metadata.tableUuid ? 'created' : 'exists'
      if (reply && !isTransient(reply.status) && ![200, 409].includes(reply.status)) {
        if (attempt === 1 && [400, 403, 422].includes(reply.status)) return reply
        throw this.#client.unexpected(reply, `making ${name}`)
      }
      await this.#clock.sleep(backOff_ms(attempt, this.#random))
    }
    throw outcomeUnknown(name, lost.at(-1))
  }

  /** Where the server would put the table. */
  async #serversLocation(name: string, { schemas }: TableMetadata): Promise<string> {
    const [schema] = schemas
    const request = serializeJson({ name, schema: schema && schemaJson(schema), 'stage-create': true })
    const reply = await this.#client.postRepeatable(this.#tables, request, hasStagedTable)
    if (reply.status !== 200) throw this.#client.unexpected(reply, `making ${name}`)
    return asString(asObject(reply.body?.metadata, 'the metadata').location, 'location')
  }

  async compareAndSwap(name: string, base: TableVersion, next: TableMetadata): Promise<CompareAndSwapOutcome> {
    const updates = diffMetadata(base.metadata, next)
    const text = commitRequest(this.#namespace, name, requirementsOf(base.metadata, updates), updates)
    const ours = ourSnapshot(base.metadata, next)
    let ambiguous = false
    const lost: unknown[] = []
    for (let attempt = 1; attempt <= this.#attempts; attempt += 1) {
      const reply = await this.#posted(name, text, lost)
      const version = reply?.status === 200 ? this.#committed(name, reply, base, ours) : undefined
      if (version) return { kind: 'committed', version }
      if (!reply || reply.status === 200 || reply.status >= 500) ambiguous = true
      else if (reply.status === 401 || reply.status === 403) {
        throw ambiguous ? outcomeUnknown(name, lost.at(-1)) : this.#client.unexpected(reply, `a commit to ${name}`)
      }
      // Even a conflict may be with ourselves: a proxy may have made the request twice.
      const found = await this.#settled(name)
      const outcome = commitOutcome(found?.metadata, base.metadata, ours)
      if (found && outcome === 'committed') return { kind: 'committed', version: found }
      if (outcome === 'conflict') return { kind: 'conflict' }
      if (ambiguous) {
        if (outcome === 'unknown') throw outcomeUnknown(name, lost.at(-1))
      } else if (reply && !isTransient(reply.status)) {
        if (reply.status === 409 || found?.token !== base.token) return { kind: 'conflict' }
        throw this.#client.unexpected(reply, `a commit to ${name}`)
      }
      await this.#clock.sleep(backOff_ms(attempt, this.#random))
    }
    throw outcomeUnknown(name, lost.at(-1))
  }

  /** Undefined when it is not known whether the request was carried out; `lost` is told why, and of passing refusals. */
  async #posted(name: string, text: string, lost: unknown[]): Promise<RestReply | undefined> {
    try {
      const reply = await this.#client.post(this.#path(name), text, hasTable)
      if (isTransient(reply.status)) lost.push(this.#client.unexpected(reply, `a commit to ${name}`))
      return reply
    } catch (error) {
      if (!isRetryable(error)) throw error
      lost.push(error)
      return undefined
    }
  }

  /** Undefined when the answer to a commit is of another table, or does not show the commit. */
  #committed(name: string, reply: RestReply, base: TableVersion, ours: Snapshot | undefined): TableVersion | undefined {
    if (uuidIn(reply) !== base.metadata.tableUuid) return undefined
    const version = this.#received(name, reply)
    const outcome = commitOutcome(version.metadata, base.metadata, ours)
    return ours === undefined || outcome === 'committed' ? version : undefined
  }

  /** A load on which the outcome of a commit depends. */
  async #settled(name: string): Promise<TableVersion | undefined> {
    try {
      return await this.load(name)
    } catch (error) {
      throw isRetryable(error) ? outcomeUnknown(name, error) : error
    }
  }

  async list(): Promise<readonly string[]> {
    const names: string[] = []
    let page: string | undefined
    for (let pages = 0; pages < PAGES_MAX; pages += 1) {
      const path = `${this.#tables}${page === undefined ? '' : `?pageToken=${encodeURIComponent(page)}`}`
      const reply = await this.#client.get(path, hasTables)
      // Before the first table there need be no namespace.
      if (saysMissing(reply)) return []
      if (reply.status !== 200 || !reply.body) throw this.#client.unexpected(reply, 'a request for its tables')
      for (const one of asArray(reply.body.identifiers ?? [], 'identifiers')) {
        names.push(asString(asObject(one, 'an identifier').name, 'name'))
      }
      const next = reply.body['next-page-token']
      if (typeof next !== 'string' || next === '') return names.sort()
      page = next
    }
    throw new UsageError('catalog_refused', `the catalog's list of tables has no end after ${PAGES_MAX} pages`, {
      hint: 'check that ASSAY_CATALOG_URL is a catalog, and its log',
    })
  }

  /** The server minds its own metadata files. */
  async forgetVersions(): Promise<readonly string[]> {
    return []
  }
}

function uuidIn({ body }: RestReply): string {
  return asString(asObject(body?.metadata, 'the metadata')['table-uuid'], 'table-uuid')
}
