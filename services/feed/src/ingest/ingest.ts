import { type Clock, OutageError } from '@assay/core'
import type { Exchange } from '@assay/exchanges'
import type { FeedTarget } from '@assay/feed'
import { bearerCheck, type Problem, sendProblem } from '@assay/host'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { EVENTS_MAX, eventTexts } from './ingest-body.js'
import { IngestWriter, type ItemOutcome } from './ingest-writer.js'

type IngestTarget = FeedTarget & { readonly clock: Clock; readonly exchanges: readonly Exchange[] }

/** One answered request, for metrics. */
export interface IngestEvent {
  readonly exchange: string
  readonly status: number
  readonly records: number
  readonly refused: number
}

export interface IngestOptions {
  /** Where events go to; undefined while that is not open. */
  readonly target: () => IngestTarget | undefined
  /** Names that are taken, whether the target is open or not. */
  readonly exchanges: readonly string[]
  /** Who may send. Empty: everybody, which is for loopback addresses only. */
  readonly tokens: readonly string[]
  readonly onEvent: (event: IngestEvent) => void
  /** Bytes of bodies in work, and of records that wait for the log, at most. */
  readonly queue_bytes?: number
}

const BODY_BYTES_MAX = 4 * 2 ** 20
const QUEUE_BYTES_MAX = 32 * 2 ** 20
const RETRY_AFTER_SECONDS = 1
const FORMS: Readonly<Record<string, 'array' | 'lines'>> = {
  'application/json': 'array',
  'application/x-ndjson': 'lines',
  'application/jsonl': 'lines',
}

/**
 * `POST /v1/events/{exchange}`: messages in the exchange's own format into the log. Answers 202 when they are durable.
 */
export function addIngestRoute(server: FastifyInstance, options: IngestOptions): void {
  const ingest = new Ingest(options)
  void server.register(async (scope) => {
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
    scope.route<{ Params: { exchange: string } }>({
      method: 'POST',
      url: '/v1/events/:exchange',
      bodyLimit: BODY_BYTES_MAX,
      // Before the body is read: who may not send, or comes when all is full, shall not fill memory.
      onRequest: async (request, reply) => ingest.admit(request, reply),
      handler: async (request, reply) => ingest.answer(request, reply),
    })
  })
}

/** The same address where everybody could send and nobody is asked for a token: nothing is taken. */
export function addClosedIngestRoute(server: FastifyInstance): void {
  // Before the body is read.
  const onRequest = async (_request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> =>
    sendProblem(reply, CLOSED)
  server.route({ method: 'POST', url: '/v1/events/:exchange', onRequest, handler: onRequest })
}

type EventsRequest = FastifyRequest<{ Params: { exchange: string } }>

class Ingest {
  readonly #options: IngestOptions
  readonly #isKnown: (authorization: string | undefined) => boolean
  /** The target that the writers were opened for. */
  #target: IngestTarget | undefined
  readonly #writers = new Map<string, Promise<IngestWriter>>()
  readonly #opened = new Set<IngestWriter>()
  #inWork_bytes = 0

  constructor(options: IngestOptions) {
    this.#options = options
    this.#isKnown = bearerCheck(options.tokens)
  }

  async admit(request: EventsRequest, reply: FastifyReply): Promise<FastifyReply | undefined> {
    const { exchanges, tokens, queue_bytes = QUEUE_BYTES_MAX } = this.#options
    const { exchange } = request.params
    if (tokens.length > 0 && !this.#isKnown(request.headers.authorization)) {
      reply.header('www-authenticate', 'Bearer')
      return sendProblem(reply, UNAUTHORIZED)
    }
    if (!exchanges.includes(exchange)) return sendProblem(reply, unknownExchange(exchanges))
    const size = bodyBytes(request)
    let waiting_bytes = this.#inWork_bytes
    for (const writer of this.#opened) waiting_bytes += writer.waiting_bytes
    if (waiting_bytes + size > queue_bytes) {
      this.#options.onEvent({ exchange, status: 429, records: 0, refused: 0 })
      return sendProblem(reply, QUEUE_FULL)
    }
    this.#inWork_bytes += size
    reply.raw.once('close', () => {
      this.#inWork_bytes -= size
    })
    return undefined
  }

  async answer(request: EventsRequest, reply: FastifyReply): Promise<FastifyReply> {
    const { exchange } = request.params
    const tell = (status: number, items: readonly ItemOutcome[] = []): void =>
      this.#options.onEvent({ exchange, status, ...totals(items) })
    const form = formOf(request)
    if (!form) {
      tell(415)
      return sendProblem(reply, OTHER_TYPE)
    }
    const texts = eventTexts(request.body instanceof Uint8Array ? request.body : new Uint8Array(0), form)
    if (texts.kind === 'too_many') {
      tell(413)
      return sendProblem(reply, TOO_MANY)
    }
    if (texts.kind === 'malformed') {
      tell(400)
      return sendProblem(reply, { ...MALFORMED, detail: texts.why })
    }
    try {
      const writer = await this.#writer(exchange)
      const items = await writer.write(texts.texts)
      tell(202, items)
      return reply.code(202).send({ exchange, ...totals(items), items })
    } catch (error) {
      tell(503)
      throw error
    }
  }

  async #writer(name: string): Promise<IngestWriter> {
    const target = this.#options.target()
    const exchange = target?.exchanges.find((one) => one.name === name)
    if (!target || !exchange)
      throw new OutageError('starting', 'the service is not ready', { hint: '/readyz says why; try again in a moment' })
    if (target !== this.#target) {
      this.#target = target
      this.#writers.clear()
      this.#opened.clear()
    }
    const known = this.#writers.get(name)
    if (known) return known
    const opening = IngestWriter.open(target, exchange)
    this.#writers.set(name, opening)
    try {
      const writer = await opening
      this.#opened.add(writer)
      return writer
    } catch (error) {
      if (this.#writers.get(name) === opening) this.#writers.delete(name)
      throw error
    }
  }
}

function totals(items: readonly ItemOutcome[]): { records: number; refused: number } {
  let records = 0
  let refused = 0
  for (const item of items) {
    if (item.outcome === 'accepted') {
      records += item.records
      refused += item.refused?.length ?? 0
    } else if (item.outcome === 'refused') refused++
  }
  return { records, refused }
}

/** What the body may come to; without a length it may come to all that is allowed. */
function bodyBytes(request: EventsRequest): number {
  const length = Number(request.headers['content-length'])
  return Number.isSafeInteger(length) && length >= 0 ? Math.min(length, BODY_BYTES_MAX) : BODY_BYTES_MAX
}

function formOf(request: EventsRequest): 'array' | 'lines' | undefined {
  const [type = ''] = (request.headers['content-type'] ?? '').split(';')
  return FORMS[type.trim().toLowerCase()]
}

const UNAUTHORIZED: Problem = {
  status: 401,
  code: 'unauthorized',
  title: 'A token is needed: Authorization: Bearer …',
}
const CLOSED: Problem = {
  status: 403,
  code: 'ingest_closed',
  title: 'This service takes no events',
  detail: 'it needs ASSAY_INGEST_TOKENS, or an address that only its own machine can reach',
}
const QUEUE_FULL: Problem = {
  status: 429,
  code: 'queue_full',
  title: 'More is waiting than may wait; try again',
  retryAfter_seconds: RETRY_AFTER_SECONDS,
}
const OTHER_TYPE: Problem = {
  status: 415,
  code: 'unsupported_media_type',
  title: 'The content type is missing or not one that is taken here',
  detail: 'send application/json with an array of messages, or application/x-ndjson with one a line',
}
const TOO_MANY: Problem = {
  status: 413,
  code: 'too_many_events',
  title: `A request may have ${EVENTS_MAX} messages`,
}
const MALFORMED: Problem = { status: 400, code: 'malformed_body', title: 'The body can not be read' }

function unknownExchange(known: readonly string[]): Problem {
  return {
    status: 404,
    code: 'unknown_exchange',
    title: 'There is no such exchange here',
    detail: `known are ${known.join(', ')}`,
  }
}
