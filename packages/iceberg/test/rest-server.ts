import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { asArray, asObject, type JsonObject, parseJson } from '../src/format/json.js'
import { metadataFromJson, parseMetadata, serializeMetadata, type TableMetadata } from '../src/format/metadata.js'

/**
 * What a request of the test's server meets. It is not carried out: `before` (the connection is cut), a status. It is:
 * `lost` (no answer), `cut` (half an answer), `failed` (status 502, as of something in front of the catalog).
 */
export type RestFault =
  | 'none'
  | 'before'
  | 'lost'
  | 'cut'
  | 'failed'
  | { readonly status: number; readonly message?: string }
  | ForeignAnswer

/** What something else answers in the catalog's place, whether the request was carried out or not. */
export interface ForeignAnswer {
  readonly status: number
  readonly type: string
  readonly text: string
  readonly isDone: boolean
}

export interface RestCall {
  readonly method: string
  readonly path: string
  readonly authorization: string | undefined
}

/** A catalog in memory, with the oddities of several: for what a real server does not do on demand. */
export class RestServer {
  readonly tables = new Map<string, { metadata: TableMetadata; number: number }>()
  readonly calls: RestCall[] = []
  readonly namespaces = new Set<string>()
  fault: (call: RestCall) => RestFault | Promise<RestFault> = () => 'none'
  /** Answers requests for tokens; without it the server asks for none. */
  issueToken: ((form: URLSearchParams) => { readonly status: number; readonly body: unknown }) | undefined
  accepted: (authorization: string | undefined) => boolean = () => true
  /** Where it puts a table itself, when it refuses others' locations. */
  location: ((name: string) => string) | undefined
  readonly #server = createServer((request, response) => void this.#serve(request, response))

  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/catalog`
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const parts: Buffer[] = []
    for await (const part of request) parts.push(part as Buffer)
    const { pathname } = new URL(request.url ?? '/', 'http://x')
    const call = {
      method: request.method ?? '',
      path: pathname.replace('/catalog/v1/', ''),
      authorization: request.headers.authorization,
    }
    this.calls.push(call)
    const fault = await this.fault(call)
    if (fault === 'before') return void request.socket.destroy()
    if (typeof fault === 'object' && 'text' in fault) {
      if (fault.isDone) this.#answer(call, Buffer.concat(parts).toString('utf8'))
      return void response.writeHead(fault.status, { 'content-type': fault.type }).end(fault.text)
    }
    if (typeof fault === 'object')
      return send(response, fault.status, failure(fault.status, fault.message ?? 'a fault'))
    const { status, text } = this.#answer(call, Buffer.concat(parts).toString('utf8'))
    if (fault === 'lost') return void request.socket.destroy()
    if (fault === 'failed') return send(response, 502, 'bad gateway')
    if (fault === 'cut') return send(response, status, text.slice(0, text.length / 2))
    send(response, status, text)
  }

  #answer(call: RestCall, text: string): { readonly status: number; readonly text: string } {
    try {
      if (call.path === 'oauth/tokens') return this.#token(text)
      if (!this.accepted(call.authorization)) throw new Refusal(401, `${call.authorization} is no token`)
      return { status: 200, text: this.#route(call, text === '' ? {} : asObject(parseJson(text), 'a request')) }
    } catch (error) {
      const status = error instanceof Refusal ? error.status : 400
      return { status, text: failure(status, error instanceof Error ? error.message : '') }
    }
  }

  #token(text: string): { readonly status: number; readonly text: string } {
    const { status, body } = this.issueToken?.(new URLSearchParams(text)) ?? { status: 404, body: {} }
    return { status, text: JSON.stringify(body) }
  }

  #route({ method, path }: RestCall, body: JsonObject): string {
    if (path === 'config') return JSON.stringify({ defaults: { prefix: 'a%7Cb' }, overrides: {} })
    const [prefix, root, namespace, tables, name] = path.split('/')
    if (prefix !== 'a%7Cb' || root !== 'namespaces') throw new Refusal(404, `there is no ${path}`)
    if (namespace === undefined) {
      const [made] = body.namespace as readonly string[]
      this.namespaces.add(String(made))
      return JSON.stringify({ namespace: [made], properties: {} })
    }
    if (!this.namespaces.has(namespace)) throw new Refusal(404, `there is no namespace ${namespace}`)
    if (tables === undefined) return JSON.stringify({ namespace: [namespace], properties: {} })
    if (name === undefined) return method === 'GET' ? this.#list() : this.#stage(String(body.name))
    if (method === 'POST') this.#commit(name, body)
    return this.#load(name)
  }

  #list(): string {
    const identifiers = [...this.tables.keys()].map((name) => ({ namespace: ['market_data'], name }))
    return JSON.stringify({ identifiers, 'next-page-token': null })
  }

  #stage(name: string): string {
    return JSON.stringify({ metadata: { location: this.location?.(name) } })
  }

  #load(name: string): string {
    const table = this.tables.get(name)
    if (!table) throw new Refusal(404, `there is no table ${name}`)
    const location = `${table.metadata.location}/metadata/${table.number}-x.metadata.json`
    return `{"metadata-location":${JSON.stringify(location)},"metadata":${serializeMetadata(table.metadata)}}`
  }

  #commit(name: string, body: JsonObject): void {
    const table = this.tables.get(name)
    for (const requirement of asArray(body.requirements, 'requirements')) {
      if (!holds(table?.metadata, asObject(requirement, 'a requirement'))) {
        throw new Refusal(409, `requirement failed: ${serializedType(requirement)}`)
      }
    }
    const updates = asArray(body.updates, 'updates').map((one) => asObject(one, 'an update'))
    const metadata = applyRestUpdates(table?.metadata, updates)
    if (this.location && metadata.location !== this.location(name)) throw new Refusal(403, 'not at that location')
    this.tables.set(name, { metadata, number: (table?.number ?? -1) + 1 })
  }
}

class Refusal extends Error {
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

function send(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(text)
}

function failure(code: number, message: string): string {
  return JSON.stringify({ error: { message, type: 'Failure', code } })
}

function serializedType(requirement: unknown): string {
  return String((requirement as { readonly type?: unknown }).type)
}

function holds(metadata: TableMetadata | undefined, requirement: JsonObject): boolean {
  switch (requirement.type) {
    case 'assert-create':
      return metadata === undefined
    case 'assert-table-uuid':
      return metadata?.tableUuid === requirement.uuid
    case 'assert-ref-snapshot-id': {
      const id = requirement['snapshot-id']
      const head = metadata?.refs[String(requirement.ref)]?.snapshotId
      // Some servers take "there is no such ref" for no condition.
      return id === null || head === BigInt(id as number)
    }
    case 'assert-last-assigned-field-id':
      return metadata?.lastColumnId === requirement['last-assigned-field-id']
    case 'assert-current-schema-id':
      return metadata?.currentSchemaId === requirement['current-schema-id']
    case 'assert-last-assigned-partition-id':
      return metadata?.lastPartitionId === requirement['last-assigned-partition-id']
    case 'assert-default-spec-id':
      return metadata?.defaultSpecId === requirement['default-spec-id']
    default:
      throw new Refusal(400, `unknown requirement ${String(requirement.type)}`)
  }
}

/** Applies updates one after the other, as the specification has them. Without metadata they make a table. */
export function applyRestUpdates(base: TableMetadata | undefined, updates: readonly JsonObject[]): TableMetadata {
  const json: Record<string, unknown> = base
    ? { ...asObject(parseJson(serializeMetadata(base)), 'metadata') }
    : {
        properties: {},
        snapshots: [],
        refs: {},
        schemas: [],
        'partition-specs': [],
        'sort-orders': [],
        'snapshot-log': [],
      }
  json['last-updated-ms'] ??= 0
  json['last-sequence-number'] ??= 0
  json['last-partition-id'] ??= 999
  for (const update of updates) applyOne(json, update)
  return parseMetadata(serializeMetadata(metadataFromJson(json as JsonObject)))
}

type Row = JsonObject
const list = (json: Record<string, unknown>, member: string): Row[] => [...((json[member] ?? []) as readonly Row[])]

function applyOne(json: Record<string, unknown>, update: JsonObject): void {
  const properties = json.properties as Record<string, unknown>
  switch (update.action) {
    case 'assign-uuid':
      json['table-uuid'] = update.uuid
      return
    case 'upgrade-format-version':
      json['format-version'] = update['format-version']
      return
    case 'set-location':
      json.location = update.location
      return
    case 'add-schema':
      json.schemas = [...list(json, 'schemas'), addedSchema(list(json, 'schemas').length, update.schema as JsonObject)]
      json['last-column-id'] = Math.max(Number(json['last-column-id'] ?? 0), Number(update['last-column-id']))
      return
    case 'set-current-schema':
      json['current-schema-id'] = list(json, 'schemas').at(-1)?.['schema-id']
      return
    case 'add-spec': {
      json['partition-specs'] = [...list(json, 'partition-specs'), update.spec]
      const ids = ((update.spec as JsonObject).fields as readonly Row[]).map((field) => Number(field['field-id']))
      json['last-partition-id'] = Math.max(Number(json['last-partition-id']), ...ids)
      return
    }
    case 'set-default-spec':
      json['default-spec-id'] = list(json, 'partition-specs').at(-1)?.['spec-id']
      return
    case 'add-sort-order':
      json['sort-orders'] = [...list(json, 'sort-orders'), update['sort-order']]
      return
    case 'set-default-sort-order':
      json['default-sort-order-id'] = list(json, 'sort-orders').at(-1)?.['order-id']
      return
    case 'add-snapshot':
      addSnapshot(json, update.snapshot as JsonObject)
      return
    case 'set-snapshot-ref':
      setRef(json, update)
      return
    case 'remove-snapshot-ref': {
      const { [String(update['ref-name'])]: _, ...others } = json.refs as Record<string, unknown>
      json.refs = others
      return
    }
    case 'remove-snapshots':
      removeSnapshots(json, new Set((update['snapshot-ids'] as readonly (number | bigint)[]).map(BigInt)))
      return
    case 'remove-statistics':
    case 'remove-partition-statistics': {
      const member = update.action.replace('remove-', '')
      json[member] = list(json, member).filter((one) => one['snapshot-id'] !== update['snapshot-id'])
      return
    }
    case 'set-properties':
      json.properties = { ...properties, ...(update.updates as JsonObject) }
      return
    case 'remove-properties': {
      const removals = new Set(update.removals as readonly string[])
      json.properties = Object.fromEntries(Object.entries(properties).filter(([key]) => !removals.has(key)))
      return
    }
    default:
      throw new Refusal(400, `unknown update ${String(update.action)}`)
  }
}

/** Some servers number the fields of a table's first schema anew. */
function addedSchema(before: number, schema: JsonObject): JsonObject {
  if (before > 0) return schema
  const fields = (schema.fields as readonly JsonObject[]).map((field, i) => ({ ...field, id: i + 1 }))
  return { ...schema, fields }
}

function addSnapshot(json: Record<string, unknown>, snapshot: JsonObject): void {
  const snapshots = list(json, 'snapshots')
  if (snapshots.some((one) => one['snapshot-id'] === snapshot['snapshot-id'])) throw new Refusal(400, 'snapshot exists')
  if (Number(snapshot['sequence-number']) <= Number(json['last-sequence-number'])) {
    throw new Refusal(400, 'the sequence number is older than the last')
  }
  json.snapshots = [...snapshots, snapshot]
  json['last-sequence-number'] = snapshot['sequence-number']
  json['last-updated-ms'] = snapshot['timestamp-ms']
  // Some servers take the table's current schema from a snapshot that is added.
  if (list(json, 'schemas').some((schema) => schema['schema-id'] === snapshot['schema-id'])) {
    json['current-schema-id'] = snapshot['schema-id']
  }
}

function setRef(json: Record<string, unknown>, update: JsonObject): void {
  const { action: _, 'ref-name': name, ...ref } = update
  const snapshot = list(json, 'snapshots').find((one) => one['snapshot-id'] === ref['snapshot-id'])
  if (!snapshot) throw new Refusal(400, 'the ref names no snapshot')
  json.refs = { ...(json.refs as JsonObject), [String(name)]: ref }
  if (name !== 'main') return
  json['current-snapshot-id'] = ref['snapshot-id']
  const entry = { 'snapshot-id': ref['snapshot-id'], 'timestamp-ms': snapshot['timestamp-ms'] } as JsonObject
  json['snapshot-log'] = [...list(json, 'snapshot-log'), entry]
}

function removeSnapshots(json: Record<string, unknown>, ids: ReadonlySet<bigint>): void {
  const isKept = (one: Row): boolean => !ids.has(BigInt(one['snapshot-id'] as number))
  json.snapshots = list(json, 'snapshots').filter(isKept)
  const log = list(json, 'snapshot-log')
  json['snapshot-log'] = log.slice(log.findLastIndex((one) => !isKept(one)) + 1)
}
