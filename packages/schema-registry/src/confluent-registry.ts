import { type Clock, type Random, UsageError } from '@assay/core'
import { checkCompatible, incompatible, isSameLayout } from './compatibility.js'
import { checkReader, type ReaderOf } from './reader-gate.js'
import type { SchemaLookup, SchemaRegistry, SubjectReport } from './registry.js'
import { type RegistryAuth, RegistryClient } from './registry-client.js'
import { problemError, unreadable } from './registry-problems.js'
import { canonicalSchema } from './schema-text.js'
import { SCHEMA_ID_MAX } from './wire-header.js'

export interface ConfluentRegistryOptions {
  /** Base URL of the Confluent API, such as `http://registry:8081`; no credentials in it. */
  readonly url: string
  readonly auth?: RegistryAuth
  /** For one request, from connecting to the last byte of the answer. */
  readonly timeout_ms?: number
  /** Times that a call is tried before it is an outage. */
  readonly attemptsMax?: number
  /** Schemas kept in memory. */
  readonly cacheSize?: number
  readonly readerOf?: ReaderOf
  /** Subjects whose latest schemas tell whether the registry shows anything, when it refuses an id. */
  readonly subjects?: readonly string[]
  readonly clock: Clock
  readonly random: Random
}

const DEFAULTS = { timeout_ms: 5_000, attemptsMax: 3, cacheSize: 1_000 }
/** Member of an answer that names a level of compatibility. */
const LEVEL = 'compatibilityLevel'
const REFERENCES_MAX = 100
const REFERENCES_DEEP_MAX = 20

/**
 * A registry with Confluent's REST API (https://docs.confluent.io/platform/current/schema-registry/develop/api.html).
 * Nothing is asked before it is needed. Besides what the port says, `register` throws `schema_invalid`, and every call
 * an `OutageError`: `registry_away`, `registry_denied`, or `registry_answer_unreadable` for what is no such registry.
 */
export async function openConfluentRegistry(options: ConfluentRegistryOptions): Promise<SchemaRegistry> {
  const settings = { ...DEFAULTS, ...options }
  checkOptions(settings)
  return new ConfluentRegistry(new RegistryClient(settings), settings)
}

class ConfluentRegistry implements SchemaRegistry {
  /** Least recently used first. An id never comes to mean another schema; that one is unknown is asked every time. */
  private readonly known = new Map<number, SchemaLookup>()
  private readonly asking = new Map<number, Promise<SchemaLookup>>()

  constructor(
    private readonly client: RegistryClient,
    private readonly settings: Pick<ConfluentRegistryOptions, 'readerOf' | 'subjects'> &
      Pick<typeof DEFAULTS, 'cacheSize'>,
  ) {}

  async schema(id: number, witness?: number): Promise<SchemaLookup> {
    if (!Number.isInteger(id) || id < 1 || id > SCHEMA_ID_MAX) return { kind: 'unknown' }
    const known = this.known.get(id)
    if (known) {
      this.remember(id, known)
      return known
    }
    const underway = this.asking.get(id)
    if (underway) return underway
    const asking = this.ask(id, witness).finally(() => this.asking.delete(id))
    this.asking.set(id, asking)
    return asking
  }

  /**
   * The check against the latest version is made here, too, where the subject's level of compatibility wants it; all
   * others are the server's. Two writers of one subject that register at the same moment are told apart by it alone.
   */
  async register(subject: string, schema: string): Promise<number> {
    const body = { schema: canonicalSchema(schema) }
    checkReader(subject, body.schema, this.settings.readerOf)
    const path = `/subjects/${encodeURIComponent(subject)}`
    const there = await this.client.call('POST', path, body)
    if (there.kind === 'answered') return this.confirmed(idOf(there.body), body.schema)
    if (there.kind !== 'unknown') throw problemError(there)

    const latest = await this.client.call('GET', `${path}/versions/latest`)
    if (latest.kind === 'answered') await this.checkLatest(subject, body.schema, latest.body)
    else if (latest.kind !== 'unknown') throw problemError(latest)

    const made = await this.client.call('POST', `${path}/versions`, body)
    if (made.kind === 'answered') return this.confirmed(idOf(made.body), body.schema)
    throw made.kind === 'conflict' ? incompatible(subject, [made.detail]) : problemError(made)
  }

  async inspect(subject: string, schema: string): Promise<SubjectReport> {
    const body = { schema: canonicalSchema(schema) }
    const path = `/subjects/${encodeURIComponent(subject)}`
    const there = await this.client.call('POST', path, body)
    if (there.kind !== 'answered' && there.kind !== 'unknown') throw problemError(there)
    const level = (await this.levelOf(subject)) ?? textAt(bodyOf(await this.client.call('GET', '/config')), LEVEL)
    if (there.kind === 'answered') return { standing: { kind: 'registered', id: idOf(there.body) }, level }
    const latest = await this.client.call('GET', `${path}/versions/latest`)
    if (latest.kind === 'unknown') return { standing: { kind: 'absent' }, level }
    if (latest.kind !== 'answered') throw problemError(latest)
    try {
      checkReader(subject, body.schema, this.settings.readerOf)
      await this.checkLatest(subject, body.schema, latest.body)
      return { standing: { kind: 'compatible' }, level }
    } catch (error) {
      if (!(error instanceof UsageError) || error.code !== 'schema_incompatible') throw error
      return { standing: { kind: 'incompatible', detail: error.message }, level }
    }
  }

  /** Other servers answer with an `id`, too, and records that bear a wrong one are lost to their readers. */
  private async confirmed(id: number, schema: string): Promise<number> {
    const found = await this.schema(id)
    if (found.kind === 'found' && isSameLayout(schema, found.schema)) return id
    throw unreadable(`the schema just registered when it was asked for its id ${id}`)
  }

  private async checkLatest(subject: string, schema: string, latest: unknown): Promise<void> {
    const schemaType = textAt(latest, 'schemaType') ?? 'AVRO'
    if (schemaType !== 'AVRO') throw incompatible(subject, [`the latest is a ${schemaType} schema, this one Avro`])
    try {
      checkCompatible(subject, schema, schemaOf(latest))
    } catch (error) {
      if (!(await this.isForward(subject))) throw error
    }
  }

  /**
   * Whether the subject's own level wants no schema that can read earlier data. NONE is also what some registries answer
   * for a subject that was never given a level, so it says nothing.
   */
  private async isForward(subject: string): Promise<boolean> {
    return (await this.levelOf(subject))?.startsWith('FORWARD') ?? false
  }

  /** The subject's own level of compatibility; undefined for one that was given none. */
  private async levelOf(subject: string): Promise<string | undefined> {
    const answer = await this.client.call('GET', `/config/${encodeURIComponent(subject)}`)
    if (answer.kind === 'unknown') return undefined
    if (answer.kind !== 'answered') throw problemError(answer)
    const level = textAt(answer.body, LEVEL)
    if (level === undefined) throw unreadable(`a level of compatibility for ${subject}`)
    return level
  }

  private async ask(id: number, witness: number | undefined): Promise<SchemaLookup> {
    const answer = await this.client.call('GET', `/schemas/ids/${id}`)
    if (answer.kind === 'answered') {
      const found = await this.lookupOf(answer.body)
      this.remember(id, found)
      return found
    }
    if (answer.kind === 'unknown') return { kind: 'unknown' }
    if (answer.kind === 'denied' && (await this.showsAnother(id, witness)))
      return { kind: 'denied', detail: answer.detail }
    throw problemError(answer)
  }

  /**
   * Whether the registry shows any other schema now. What was shown before is asked anew, since it says nothing of the
   * rights that hold now; a process that has seen none yet asks for the latest ones of the subjects.
   */
  private async showsAnother(id: number, witness: number | undefined): Promise<boolean> {
    if (witness !== undefined && (await this.shows(witness))) return true
    for (const subject of this.settings.subjects ?? []) {
      const latest = await this.client.call('GET', `/subjects/${encodeURIComponent(subject)}/versions/latest`)
      if (latest.kind !== 'answered') continue
      const other = idOf(latest.body)
      if (other !== id && (await this.shows(other))) return true
    }
    return false
  }

  private async shows(id: number): Promise<boolean> {
    return (await this.client.call('GET', `/schemas/ids/${id}`)).kind === 'answered'
  }

  private async lookupOf(body: unknown): Promise<SchemaLookup> {
    const schemaType = textAt(body, 'schemaType') ?? 'AVRO'
    if (schemaType !== 'AVRO') return { kind: 'foreign', schemaType }
    const schema = schemaOf(body)
    const references = await this.referencesOf(body)
    return references.length === 0 ? { kind: 'found', schema } : { kind: 'found', schema, references }
  }

  /** The texts of all schemas that one refers to, directly or not, each after those that it refers to itself. */
  private async referencesOf(body: unknown): Promise<readonly string[]> {
    const texts = new Map<string, string>()
    const asked = new Set<string>()
    const collect = async (from: unknown, depth: number): Promise<void> => {
      for (const { subject, version } of referenceList(from)) {
        const path = `/subjects/${encodeURIComponent(subject)}/versions/${version}`
        if (asked.has(path)) continue
        asked.add(path)
        if (asked.size > REFERENCES_MAX || depth > REFERENCES_DEEP_MAX)
          throw unreadable('a schema with so many references')
        const answer = await this.client.call('GET', path)
        // One that is gone for good leaves its types unknown, and whoever reads the schema says which.
        if (answer.kind === 'unknown') continue
        if (answer.kind !== 'answered') throw problemError(answer)
        await collect(answer.body, depth + 1)
        texts.set(path, schemaOf(answer.body))
      }
    }
    await collect(body, 1)
    return [...texts.values()]
  }

  private remember(id: number, lookup: SchemaLookup): void {
    this.known.delete(id)
    this.known.set(id, lookup)
    if (this.known.size <= this.settings.cacheSize) return
    for (const oldest of this.known.keys()) {
      this.known.delete(oldest)
      return
    }
  }
}

function checkOptions({ url, auth, timeout_ms, attemptsMax, cacheSize }: ConfluentRegistryOptions): void {
  const mistakes: string[] = []
  const parsed = URL.canParse(url) ? new URL(url) : undefined
  // The value is not quoted: it may hold a secret.
  if (!parsed || !/^https?:$/.test(parsed.protocol)) mistakes.push('its address is not an http(s) URL')
  else if (parsed.username !== '' || parsed.password !== '') mistakes.push('its address holds a user name or password')
  if (auth && 'user' in auth && (auth.user === '' || auth.user.includes(':')))
    mistakes.push('the user name is empty or has a colon')
  if (auth && 'token' in auth && !/^[\x21-\x7e]+$/.test(auth.token))
    mistakes.push('the token is empty or has other than visible ASCII characters')
  for (const [name, value] of Object.entries({ timeout_ms, attemptsMax, cacheSize })) {
    if (!Number.isSafeInteger(value) || Number(value) < 1)
      mistakes.push(`${name} is ${value}, not a whole number above 0`)
  }
  if (mistakes.length === 0) return
  throw new UsageError('registry_options_invalid', `the schema registry can't be used: ${mistakes.join('; ')}`, {
    hint: 'give an address such as https://registry:8081, and user and password or a token by themselves',
  })
}

function idOf(body: unknown): number {
  const id = typeof body === 'object' && body !== null && 'id' in body ? body.id : undefined
  if (typeof id === 'number' && Number.isInteger(id) && id >= 1 && id <= SCHEMA_ID_MAX) return id
  throw unreadable('a schema id')
}

function schemaOf(body: unknown): string {
  const schema = textAt(body, 'schema')
  if (schema !== undefined) return schema
  throw unreadable('a schema')
}

function bodyOf(answer: Awaited<ReturnType<RegistryClient['call']>>): unknown {
  return answer.kind === 'answered' ? answer.body : undefined
}

function textAt(body: unknown, name: string): string | undefined {
  const value = typeof body === 'object' && body !== null ? (body as Record<string, unknown>)[name] : undefined
  return typeof value === 'string' ? value : undefined
}

interface Reference {
  readonly subject: string
  readonly version: number
}

function referenceList(body: unknown): readonly Reference[] {
  const list = (body as { readonly references?: unknown } | null)?.references ?? []
  if (Array.isArray(list) && list.every(isReference)) return list
  throw unreadable('references that make sense')
}

function isReference(value: unknown): value is Reference {
  const reference = value as Partial<Reference> | null
  return typeof reference?.subject === 'string' && Number.isInteger(reference.version)
}
