import { AssayError, isRetryable, UsageError } from '@assay/core'
import { type FastifyError, type FastifyInstance, fastify } from 'fastify'
import { boundConnections } from './connections.js'
import { type Problem, sendProblem } from './problem.js'

const BODY_BYTES_MAX = 2 ** 20
const REQUEST_MS_MAX = 30_000
/** From the first byte of a request to the end of its headers. */
const HEADERS_MS_MAX = 10_000
const CONNECTIONS_MAX = 256
const RETRY_AFTER_SECONDS = 5

/**
 * A server without routes. Whatever goes wrong in a handler is answered as a problem; `onDefect` is told what should
 * not have, and `hide` takes secrets out of the texts that are answered.
 */
export function newHttpServer(
  onDefect: (error: unknown) => void,
  hide: (text: string) => string = (text) => text,
): FastifyInstance {
  const server = fastify({
    bodyLimit: BODY_BYTES_MAX,
    requestTimeout: REQUEST_MS_MAX,
    connectionTimeout: 2 * REQUEST_MS_MAX,
    forceCloseConnections: 'idle',
    http: { headersTimeout: HEADERS_MS_MAX, connectionsCheckingInterval: HEADERS_MS_MAX / 2 },
  })
  boundConnections(server.server, CONNECTIONS_MAX)
  server.addHook('onSend', async (_request, reply, payload) => {
    const isJson = /json/.test(String(reply.getHeader('content-type')))
    return isJson && typeof payload === 'string' ? hide(payload) : payload
  })
  server.setNotFoundHandler((_request, reply) =>
    sendProblem(reply, { status: 404, code: 'not_found', title: 'There is nothing at this address' }),
  )
  server.setErrorHandler((error: unknown, _request, reply) => {
    const problem = problemOf(error)
    if (problem.status === 500) onDefect(error)
    return sendProblem(reply, problem)
  })
  return server
}

/** Listens, and resolves to the address in use. Throws a UsageError `http_address_unusable`. */
export async function listen(server: FastifyInstance, host: string, port: number): Promise<string> {
  try {
    return await server.listen({ host, port })
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new UsageError('http_address_unusable', `can't listen on ${host}, port ${port}: ${why}`, {
      hint: 'give the service an address and a port of its own, by ASSAY_HTTP_HOST and ASSAY_HTTP_PORT',
    })
  }
}

const REQUEST_PROBLEMS: Readonly<Record<string, Omit<Problem, 'detail'>>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: { status: 413, code: 'body_too_large', title: 'The body is too large' },
}

function problemOf(error: unknown): Problem {
  const { code = '', statusCode = 500, message = '' } = error as Partial<FastifyError>
  const known = REQUEST_PROBLEMS[code]
  if (known) return { ...known, detail: message }
  if (isRetryable(error) && error instanceof AssayError) {
    return {
      status: 503,
      code: error.code,
      title: 'Something that this service needs does not answer',
      detail: error.hint === undefined ? error.message : `${error.message}: ${error.hint}`,
      retryAfter_seconds: RETRY_AFTER_SECONDS,
    }
  }
  if (!(error instanceof AssayError) && statusCode >= 400 && statusCode < 500) {
    return { status: statusCode, code: 'bad_request', title: 'The request is not understood', detail: message }
  }
  return { status: 500, code: 'internal_error', title: 'The service failed; its log says why' }
}
