import { seededRandom } from '@assay/core'
import type { AnswerFault, Answering, ProxiedRequest, WrongAnswer } from '../../real-parts/answering-proxy.js'

export type ServerName = 's3' | 'registry' | 'catalog'

/** One kind of request that is answered wrongly in one way for a while. */
export interface FaultCase extends AnswerFault {
  readonly server: ServerName
  readonly name: string
}

const PAGE = '<!DOCTYPE html><html><body>Please sign in.</body></html>'
const page = (status: number): WrongAnswer => ({
  status,
  headers: { 'content-type': 'text/html', etag: '"5f-1"' },
  body: PAGE,
})
const json = (status: number, body: object, type = 'application/json'): WrongAnswer => ({
  status,
  headers: { 'content-type': type },
  body: JSON.stringify(body),
})

/** What may stand in for any server. */
const ANYBODYS: Readonly<Record<string, Answering>> = {
  'a page': page(200),
  'cut off': 'cut',
  shortened: 'shortened',
  nothing: { status: 200, headers: {}, body: '' },
  'no content': { status: 204, headers: {}, body: '' },
  'another server’s JSON': json(200, { status: 'ok', id: 7, name: 'x' }),
  'another server’s XML': {
    status: 404,
    headers: { 'content-type': 'application/xml' },
    body: '<Error><Code>BlobNotFound</Code></Error>',
  },
  'a redirection': { ...page(302), headers: { 'content-type': 'text/html', location: 'http://127.0.0.1:1/' } },
  ...Object.fromEntries(
    [400, 401, 403, 404, 407, 409, 412, 429, 500, 503].map((status) => [`a page of ${status}`, page(status)]),
  ),
}

/** What a server itself says when it can't, or will not now. */
const OWN_WORDS: Readonly<Record<ServerName, Readonly<Record<string, WrongAnswer>>>> = {
  s3: Object.fromEntries(
    Object.entries({ AccessDenied: 403, OperationAborted: 409, InternalError: 500, SlowDown: 503 }).map(
      ([code, status]) => [
        code,
        {
          status,
          headers: { 'content-type': 'application/xml', 'x-amz-request-id': '17A9' },
          body: `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>x</Message></Error>`,
        },
      ],
    ),
  ),
  registry: Object.fromEntries(
    [401, 403, 429, 500, 503].map((status) => [
      `error ${status}01`,
      json(status, { error_code: status * 100 + 1, message: 'x' }, 'application/vnd.schemaregistry.v1+json'),
    ]),
  ),
  catalog: Object.fromEntries(
    Object.entries({
      NotAuthorizedException: 401,
      ForbiddenException: 403,
      InternalServerError: 500,
      CommitStateUnknownException: 503,
    }).map(([type, code]) => [type, json(code, { error: { message: 'x', type, code } })]),
  ),
}

/** A proxy that makes a request twice gives what came of the second. */
const SAID_TWICE: Readonly<Record<string, Readonly<Record<string, WrongAnswer>>>> = {
  create: {
    'made twice': {
      status: 412,
      headers: { 'content-type': 'application/xml', 'x-amz-request-id': '17A9' },
      body: '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>PreconditionFailed</Code><Message>x</Message></Error>',
    },
  },
  commit: {
    'made twice': json(409, { error: { message: 'x', type: 'CommitFailedException', code: 409 } }),
  },
  create_table: {
    'made twice': json(409, { error: { message: 'x', type: 'AlreadyExistsException', code: 409 } }),
  },
}

/** The kinds of each server's requests, and whether they change anything. */
export const KINDS: Readonly<Record<ServerName, Readonly<Record<string, boolean>>>> = {
  s3: {
    get: false,
    head: false,
    list: false,
    create: true,
    put: true,
    delete: true,
    create_upload: true,
    upload_part: true,
    complete_upload: true,
  },
  registry: { schema: false, lookup: false, latest: false, config: false, register: true },
  catalog: {
    config: false,
    namespace: false,
    list: false,
    load: false,
    create_namespace: true,
    create_table: true,
    commit: true,
  },
}

export function s3Kind({ method, url, headers }: ProxiedRequest): string {
  const { searchParams: query } = new URL(url, 'http://s3')
  if (method === 'PUT' && query.has('uploadId')) return 'upload_part'
  if (method === 'PUT') return headers['if-none-match'] === undefined ? 'put' : 'create'
  if (method === 'POST') return query.has('uploadId') ? 'complete_upload' : 'create_upload'
  if (method === 'DELETE') return query.has('uploadId') ? 'abort_upload' : 'delete'
  if (method === 'HEAD') return 'head'
  return query.has('list-type') ? 'list' : 'get'
}

export function registryKind({ method, url }: ProxiedRequest): string {
  if (url.includes('/schemas/ids/')) return 'schema'
  if (url.includes('/config/')) return 'config'
  if (method === 'GET') return url.endsWith('/versions/latest') ? 'latest' : 'version'
  return url.endsWith('/versions') ? 'register' : 'lookup'
}

export function catalogKind({ method, url, body }: ProxiedRequest): string {
  const path = url.replace(/\?.*/, '')
  if (path.endsWith('/v1/config')) return 'config'
  const [, below = ''] = /\/namespaces(.*)$/.exec(path) ?? []
  const parts = below.split('/').filter((part) => part !== '')
  if (parts.length === 0) return 'create_namespace'
  if (parts.length === 1) return 'namespace'
  if (parts.length === 2) return method === 'GET' ? 'list' : 'stage'
  if (method === 'GET') return 'load'
  return body.includes('assert-create') ? 'create_table' : 'commit'
}

/** Every kind of request with every wrong answer, given instead of carrying it out, and after. */
export function allFaultCases(): readonly FaultCase[] {
  return (Object.keys(KINDS) as ServerName[]).flatMap((server) =>
    Object.entries(KINDS[server]).flatMap(([kind, changes]) => faultCasesOf(server, kind, changes)),
  )
}

function faultCasesOf(server: ServerName, kind: string, changes: boolean): readonly FaultCase[] {
  const answers = Object.entries({ ...ANYBODYS, ...OWN_WORDS[server] })
    // What a catalog says of rights when it is opened is a mistake of the settings.
    .filter(([answer]) => !(kind === 'config' && /^(NotAuthorized|Forbidden)/.test(answer)))
    // Without a body nothing can be missing of it.
    .filter(([answer]) => !(kind === 'head' && (answer === 'cut off' || answer === 'shortened')))
  const caseOf = ([answer, answering]: readonly [string, Answering], isDone: boolean): FaultCase => ({
    ...{ server, kind, answering, isDone },
    name: `${server} ${kind}: ${answer}${isDone ? ', after it was carried out' : ''}`,
  })
  const after = changes ? [...answers, ...Object.entries(SAID_TWICE[kind] ?? {})].map((one) => caseOf(one, true)) : []
  const isAnswer = ([, answering]: readonly [string, Answering]): boolean => typeof answering === 'object'
  return [...answers.filter((one) => !changes || isAnswer(one)).map((one) => caseOf(one, false)), ...after]
}

/** So many of each kind of request, others with every seed. */
export function sampleOf(cases: readonly FaultCase[], perKind: number, seed: number): readonly FaultCase[] {
  const random = seededRandom(seed)
  const kinds = new Set(cases.map(({ server, kind }) => `${server} ${kind}`))
  return [...kinds].flatMap((one) => {
    const left = cases.filter(({ server, kind }) => `${server} ${kind}` === one)
    return Array.from({ length: perKind }, () => left.splice(Math.floor(random.unit() * left.length), 1)).flat()
  })
}
