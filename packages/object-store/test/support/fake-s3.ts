import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'

export interface FakeRequest {
  readonly method: string
  /** Full key, without the bucket. */
  readonly key: string
  readonly query: URLSearchParams
  readonly headers: IncomingMessage['headers']
  /** Number of the request, from 0 over all requests. */
  readonly index: number
}

/**
 * `lose`: done, and the connection cut instead of an answer. `reset`: cut, not done. `truncate`: half the body of a
 * GET. `hang`: no answer. `slow`: 20 ms late. `overwrite`: the condition of a create is not looked at; `lie`: nor is it,
 * and yet 412 is the answer. A status with a code: that error of S3, not done. A status with a body: that answer, which
 * is none of S3's, whether the request was carried out or not.
 */
export type FakeFault =
  | 'none'
  | 'lose'
  | 'reset'
  | 'truncate'
  | 'hang'
  | 'slow'
  | 'overwrite'
  | 'lie'
  | { status: number; code: string }
  | ForeignAnswer

/** What something else than the store answers. */
export interface ForeignAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  readonly isDone: boolean
}

interface FakeObject {
  readonly bytes: Buffer
  readonly headers: Record<string, string>
  /** Time of the last change; long ago unless given. */
  readonly modified?: string
}

/** As much of S3 as the store's requests need, to do what a real server will not do on demand. */
export class FakeS3 {
  readonly objects = new Map<string, FakeObject>()
  readonly requests: FakeRequest[] = []
  readonly uploads = new Map<string, Map<number, Buffer>>()
  fault: (request: FakeRequest) => FakeFault = () => 'none'
  /** Answers carry S3's request id. Not every server's do. */
  givesRequestIds = true
  /** Most keys of one page of a listing. */
  pageKeys_max = 1_000
  inFlightMost = 0
  readonly endpoint: string
  readonly #server: Server
  #inFlight = 0

  static async start(): Promise<FakeS3> {
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return new FakeS3(server)
  }

  private constructor(server: Server) {
    this.#server = server
    this.endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    server.on('request', (incoming, outgoing) => {
      this.#inFlight += 1
      this.inFlightMost = Math.max(this.inFlightMost, this.#inFlight)
      outgoing.on('close', () => {
        this.#inFlight -= 1
      })
      this.#handle(incoming, outgoing).catch(() => outgoing.destroy())
    })
  }

  /** Requests seen of a method. */
  count(method: string): number {
    return this.requests.filter((request) => request.method === method).length
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  async #handle(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const url = new URL(incoming.url ?? '', this.endpoint)
    const [, , ...parts] = url.pathname.split('/').map(decodeURIComponent)
    const { method = '', headers } = incoming
    const request = { method, key: parts.join('/'), query: url.searchParams, headers, index: this.requests.length }
    this.requests.push(request)
    const fault = this.fault(request)
    const body = await buffer(incoming)
    if (fault === 'hang') return
    if (fault === 'reset') return void outgoing.destroy()
    if (this.givesRequestIds) outgoing.setHeader('x-amz-request-id', `R${request.index}`)
    if (typeof fault === 'object' && 'body' in fault) {
      if (fault.isDone) this.#answer(request, body, false)
      outgoing.removeHeader('x-amz-request-id')
      return void outgoing.writeHead(fault.status, fault.headers).end(method === 'HEAD' ? undefined : fault.body)
    }
    if (typeof fault === 'object') return answerError(outgoing, method, fault)
    if (fault === 'slow') await sleep(20)
    const answer = this.#answer(request, body, fault === 'overwrite' || fault === 'lie')
    if (fault === 'lie') return answerError(outgoing, method, TAKEN)
    if (fault === 'lose') return void outgoing.destroy()
    if ('code' in answer) return answerError(outgoing, method, answer)
    outgoing.writeHead(answer.status, { 'content-length': answer.bytes.length, ...answer.headers })
    if (fault !== 'truncate') return void outgoing.end(method === 'HEAD' ? undefined : answer.bytes)
    outgoing.write(answer.bytes.subarray(0, answer.bytes.length / 2), () => outgoing.destroy())
  }

  #answer(request: FakeRequest, body: Buffer, ignoresCondition: boolean): Answer {
    const { method, key, query, headers } = request
    if (query.has('list-type')) return this.#list(query.get('prefix') ?? '', query.get('continuation-token'))
    if (query.has('uploads')) return this.#startUpload(headers)
    const uploadId = query.get('uploadId')
    if (uploadId !== null) return this.#upload(request, uploadId, body, query.get('partNumber'))
    const object = this.objects.get(key)
    if (method === 'DELETE') {
      this.objects.delete(key)
      return done(204)
    }
    if (method === 'PUT') {
      if (object && headers['if-none-match'] === '*' && !ignoresCondition) return TAKEN
      this.objects.set(key, { bytes: body, headers: metadataOf(headers), modified: new Date().toISOString() })
      return done(200, { etag: etagOf(body) })
    }
    if (!object) return { status: 404, code: 'NoSuchKey' }
    return { status: 200, headers: { ...object.headers, etag: etagOf(object.bytes) }, bytes: object.bytes }
  }

  #startUpload(headers: IncomingMessage['headers']): Answer {
    const id = `upload-${this.requests.length}`
    this.uploads.set(id, new Map())
    this.#uploadHeaders.set(id, metadataOf(headers))
    return xml(`<InitiateMultipartUploadResult><UploadId>${id}</UploadId></InitiateMultipartUploadResult>`)
  }

  readonly #uploadHeaders = new Map<string, Record<string, string>>()

  #upload({ method, key, headers }: FakeRequest, id: string, body: Buffer, part: string | null): Answer {
    const parts = this.uploads.get(id)
    if (!parts) return { status: 404, code: 'NoSuchUpload' }
    if (method === 'PUT') {
      parts.set(Number(part), body)
      return done(200, { etag: `"${part}"` })
    }
    if (method === 'DELETE') {
      this.uploads.delete(id)
      return done(204)
    }
    if (this.objects.has(key) && headers['if-none-match'] === '*') return TAKEN
    const bytes = Buffer.concat([...parts].sort(([a], [b]) => a - b).map(([, piece]) => piece))
    this.objects.set(key, { bytes, headers: this.#uploadHeaders.get(id) ?? {}, modified: new Date().toISOString() })
    this.uploads.delete(id)
    return xml('<CompleteMultipartUploadResult><ETag>"e"</ETag></CompleteMultipartUploadResult>')
  }

  #list(prefix: string, after: string | null): Answer {
    const keys = [...this.objects.keys()].filter((key) => key.startsWith(prefix))
    const sorted = keys.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
    const left = after === null ? sorted : sorted.slice(sorted.indexOf(tokenKey(after)) + 1)
    const page = left.slice(0, this.pageKeys_max)
    const contents = page.map((key) => {
      const { bytes, modified = LONG_AGO } = this.objects.get(key) as FakeObject
      const size = `<Size>${bytes.length}</Size><LastModified>${modified}</LastModified>`
      return `<Contents><Key>${key}</Key>${size}</Contents>`
    })
    const last = page.at(-1)
    const isCut = page.length < left.length && last !== undefined
    const next = isCut ? `<NextContinuationToken>${tokenOf(last)}</NextContinuationToken>` : ''
    return xml(`<ListBucketResult><IsTruncated>${isCut}</IsTruncated>${next}${contents.join('')}</ListBucketResult>`)
  }
}

type Answer =
  | { readonly status: number; readonly headers: Record<string, string>; readonly bytes: Buffer }
  | { readonly status: number; readonly code: string }

const TAKEN = { status: 412, code: 'PreconditionFailed' }

const LONG_AGO = '2026-01-01T00:00:00.000Z'

/** S3's tokens say nothing to their readers, either. */
function tokenOf(key: string): string {
  return Buffer.from(key).toString('base64url')
}

function tokenKey(token: string): string {
  return Buffer.from(token, 'base64url').toString()
}

function etagOf(bytes: Buffer): string {
  return `"${createHash('md5').update(bytes).digest('hex')}"`
}

function done(status: number, headers: Record<string, string> = {}): Answer {
  return { status, headers, bytes: Buffer.alloc(0) }
}

function xml(text: string): Answer {
  return { status: 200, headers: { 'content-type': 'application/xml' }, bytes: Buffer.from(text) }
}

function metadataOf(headers: IncomingMessage['headers']): Record<string, string> {
  const kept = Object.entries(headers).filter(([name]) => name.startsWith('x-amz-meta-'))
  return Object.fromEntries(kept.map(([name, value]) => [name, String(value)]))
}

function answerError(
  outgoing: ServerResponse,
  method: string,
  { status, code }: { status: number; code: string },
): void {
  const text = `<Error><Code>${code}</Code><Message>quoting AKIDEXAMPLE</Message></Error>`
  outgoing.writeHead(status, { 'content-type': 'application/xml' }).end(method === 'HEAD' ? undefined : text)
}
