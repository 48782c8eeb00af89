interface HttpRequest {
  readonly method: 'GET' | 'POST'
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string | undefined
}

interface HttpBounds {
  /** For one request, from connecting to the last byte of the answer. */
  readonly timeout_ms: number
  /** Greatest size of an unpacked answer; a longer one is a failure. */
  readonly answerBytesMax: number
}

export interface HttpAnswer {
  readonly status: number
  /** Content type of the request's body. */
  readonly type: string
  readonly etag: string | undefined
  readonly text: string
}

/** No whole answer came. Whether the request was carried out is not known. */
export class HttpFailure extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'HttpFailure'
  }
}

const CONTENT_TYPE_CHARACTERS_MAX = 60
/** Reasons of `fetch` itself, such as a bad port. Other messages may quote a header. */
const PLAIN_WORDS = /^[a-z ]{1,60}$/i

/**
 * One request, made once. A redirection is an answer like others: a secret must not follow it. Throws an `HttpFailure`
 * alone, which says why in few words and has no cause: errors of `fetch` may quote the request with its headers.
 */
export async function requestText(url: string | URL, request: HttpRequest, bounds: HttpBounds): Promise<HttpAnswer> {
  try {
    const response = await fetch(url, {
      method: request.method,
      headers: request.headers,
      ...(request.body !== undefined && { body: request.body }),
      redirect: 'manual',
      signal: AbortSignal.timeout(bounds.timeout_ms),
    })
    const text = await textOf(response, bounds.answerBytesMax)
    const type = (response.headers.get('content-type') ?? 'no content type').slice(0, CONTENT_TYPE_CHARACTERS_MAX)
    return { status: response.status, type, etag: response.headers.get('etag') ?? undefined, text }
  } catch (error) {
    throw error instanceof HttpFailure ? error : new HttpFailure(reasonOf(error, bounds))
  }
}

async function textOf(response: Response, bytesMax: number): Promise<string> {
  const parts: Uint8Array[] = []
  let size_bytes = 0
  for await (const part of response.body ?? []) {
    size_bytes += part.length
    if (size_bytes > bytesMax) throw new HttpFailure(`the answer is longer than ${bytesMax} bytes`)
    parts.push(part)
  }
  return Buffer.concat(parts).toString('utf8')
}

function reasonOf(error: unknown, { timeout_ms }: HttpBounds): string {
  if (!(error instanceof Error)) return 'unknown'
  if (error.name === 'TimeoutError') return `not within ${timeout_ms / 1_000} s`
  const { cause } = error
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
  if (typeof code === 'string') return code
  // A 407 never gets here: `fetch` takes it for no answer, and gives no reason.
  if (cause instanceof Error && cause.message === '') return 'no answer, or a proxy that wants a login'
  return cause instanceof Error && PLAIN_WORDS.test(cause.message) ? cause.message : error.name
}
