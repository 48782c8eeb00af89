import { Agent, createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'

/** An answer that the server behind the proxy did not give. */
export interface WrongAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** `cut`: half of the server's answer, then the end of the connection; `shortened`: half of it, as if that were all. */
export type Answering = WrongAnswer | 'cut' | 'shortened'

export interface AnswerFault {
  /** The kind of request that meets it. */
  readonly kind: string
  readonly answering: Answering
  /** Whether the server carries the request out before its answer is replaced. */
  readonly isDone: boolean
}

export interface ProxiedRequest {
  readonly method: string
  readonly url: string
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

interface Whole {
  readonly status: number
  readonly rawHeaders: readonly string[]
  readonly body: Buffer
}

/**
 * A reverse proxy that answers requests of one kind itself while it has a fault. Headers pass unchanged, Host too: a
 * request signed for the proxy's address stays valid behind it.
 */
export class AnsweringProxy {
  readonly url: string
  /** Requests that met the fault since it was set. */
  hits = 0
  #fault: AnswerFault | undefined
  readonly #server: Server
  readonly #target: URL
  readonly #kindOf: (request: ProxiedRequest) => string
  readonly #agent = new Agent({ keepAlive: true })

  /** `target`: the server's URL, whose path the proxy's has, too. */
  static async start(target: string, kindOf: (request: ProxiedRequest) => string): Promise<AnsweringProxy> {
    const server = createServer()
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject).listen(0, '127.0.0.1', resolve)
    })
    return new AnsweringProxy(server, new URL(target), kindOf)
  }

  private constructor(server: Server, target: URL, kindOf: (request: ProxiedRequest) => string) {
    this.#server = server
    this.#target = target
    this.#kindOf = kindOf
    const path = target.pathname.replace(/\/$/, '')
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`
    server.on('request', (incoming, outgoing) => {
      this.#handle(incoming, outgoing).catch(() => outgoing.destroy())
    })
  }

  set fault(fault: AnswerFault | undefined) {
    this.hits = 0
    this.#fault = fault
  }

  async stop(): Promise<void> {
    this.#agent.destroy()
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  async #handle(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const { method = '', url = '', headers } = incoming
    const body = await buffer(incoming)
    const kind = this.#kindOf({ method, url, headers, body: body.toString('latin1') })
    const met = this.#fault?.kind === kind ? this.#fault : undefined
    if (met) this.hits += 1
    if (met && typeof met.answering === 'object') {
      if (met.isDone) await this.#forward(incoming, body)
      const { status, headers: own, body: said } = met.answering
      const length = { 'content-length': String(Buffer.byteLength(said)) }
      outgoing.writeHead(status, status === 204 ? own : { ...length, ...own }).end(method === 'HEAD' ? '' : said)
      return
    }
    const answer = await this.#forward(incoming, body)
    if (met?.answering === 'cut') cutOff(outgoing, answer)
    else if (met?.answering === 'shortened') shorten(outgoing, answer)
    else outgoing.writeHead(answer.status, [...answer.rawHeaders]).end(answer.body)
  }

  #forward(incoming: IncomingMessage, body: Buffer): Promise<Whole> {
    return new Promise((resolve, reject) => {
      const { hostname, port } = this.#target
      const { method, url: path, rawHeaders: headers } = incoming
      const onward = request({ hostname, port, method, path, headers, agent: this.#agent }, (answer) => {
        const { statusCode: status = 502, rawHeaders } = answer
        buffer(answer).then((whole) => resolve({ status, rawHeaders, body: whole }), reject)
      })
      onward.on('error', reject).end(body)
    })
  }
}

function cutOff(outgoing: ServerResponse, { status, rawHeaders, body }: Whole): void {
  outgoing.writeHead(status, [...rawHeaders])
  outgoing.write(body.subarray(0, body.length / 2), () => outgoing.destroy())
}

function shorten(outgoing: ServerResponse, { status, rawHeaders, body }: Whole): void {
  const half = body.subarray(0, body.length / 2)
  const kept = rawHeaders.flatMap((name, i) => {
    if (i % 2 === 1 || /^(content-length|transfer-encoding)$/i.test(name)) return []
    return [[name, rawHeaders[i + 1] ?? ''] as const]
  })
  for (const [name, value] of kept) outgoing.appendHeader(name, value)
  outgoing.writeHead(status, { 'content-length': half.length }).end(half)
}
