import { Readable } from 'node:stream'
import type { NodeHttpHandler } from '@smithy/node-http-handler'
import { type Answer, type AnswerJudge, hasXmlBody, UnreadableAnswer } from './answer.js'
import { type OnS3Request, operationOf, outcomeOfStatus } from './s3-request.js'

/** A listing of 1,000 keys of 1,024 bytes, each byte of them escaped, and what stands around them. */
const XML_BYTES_MAX = 16 * 1024 * 1024

type Handle = NodeHttpHandler['handle']
type HttpRequest = Parameters<Handle>[0]
type HttpResponse = Awaited<ReturnType<Handle>>['response']

/** Sends requests, lets no answer through that the store did not give, and tells how each ended. */
export class CheckedHandler {
  readonly metadata = { handlerProtocol: 'http/1.1' }
  readonly #handler: NodeHttpHandler
  readonly #judge: AnswerJudge
  readonly #onRequest: OnS3Request | undefined

  constructor(handler: NodeHttpHandler, judge: AnswerJudge, onRequest: OnS3Request | undefined) {
    this.#handler = handler
    this.#judge = judge
    this.#onRequest = onRequest
  }

  async handle(request: HttpRequest, options?: Parameters<Handle>[1]): ReturnType<Handle> {
    const operation = operationOf(request)
    try {
      const { response } = await this.#handler.handle(request, options)
      await this.#check(request, response)
      this.#onRequest?.(operation, outcomeOfStatus(response.statusCode))
      return { response }
    } catch (error) {
      this.#onRequest?.(operation, error instanceof UnreadableAnswer ? 'unreadable' : 'no_answer')
      throw error
    }
  }

  destroy(): void {
    this.#handler.destroy()
  }

  async #check(request: HttpRequest, response: HttpResponse): Promise<void> {
    const operation = operationOf(request)
    const { statusCode: status, headers } = response
    try {
      const text = hasXmlBody(operation, status) ? await takeText(response) : undefined
      const answer: Answer = { status, headers, text }
      this.#judge.check(operation, answer, request.headers['x-amz-checksum-crc32'])
    } catch (error) {
      // The remaining bytes of a foreign page are not waited for.
      if (response.body instanceof Readable) response.body.destroy()
      throw error
    }
  }

  httpHandlerConfigs(): ReturnType<NodeHttpHandler['httpHandlerConfigs']> {
    return this.#handler.httpHandlerConfigs()
  }

  updateHttpClientConfig(...change: Parameters<NodeHttpHandler['updateHttpClientConfig']>): void {
    this.#handler.updateHttpClientConfig(...change)
  }
}

/** The body as text; the response has it still. */
async function takeText(response: HttpResponse): Promise<string> {
  const parts: Buffer[] = []
  let size_bytes = 0
  const body = response.body as Readable | undefined
  for await (const part of body ?? []) {
    parts.push(part as Buffer)
    size_bytes += (part as Buffer).length
    if (size_bytes > XML_BYTES_MAX)
      throw new UnreadableAnswer(response.statusCode, `longer than ${XML_BYTES_MAX} bytes`)
  }
  const bytes = Buffer.concat(parts)
  response.body = Readable.from(bytes.length === 0 ? [] : [bytes])
  return bytes.toString('utf8')
}
