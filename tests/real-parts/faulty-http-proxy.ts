import { Agent, createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { pipeline } from 'node:stream/promises'
import { type Clock, type Random, seededRandom, systemClock } from '@assay/core'

/** What the proxy does to requests. */
export interface HttpFaults {
  /** Share of requests, 0 to 1, that are answered 503 (SlowDown) and never reach the server. */
  readonly status503_fraction: number
  /** Of every so many PUTs that the server answers, the last one's connection is cut instead; 0: none. */
  readonly loseResponseOfEveryNthPut: number
  /** Wait before a request goes on to the server. */
  readonly latency_ms: number
}

/** What it did so far. */
export interface HttpFaultCounts {
  readonly requests: number
  readonly answered503: number
  readonly lostResponses: number
  /** Requests that the server answered, those whose response was lost among them. */
  readonly forwarded: number
}

export const NO_HTTP_FAULTS: HttpFaults = { status503_fraction: 0, loseResponseOfEveryNthPut: 0, latency_ms: 0 }

const SLOW_DOWN =
  '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>'

/**
 * A reverse proxy before an S3 store that fails on purpose, the same way for the same seed and order of requests.
 * Headers pass unchanged, Host too: a request signed for the proxy's address stays valid behind it.
 */
export class FaultyHttpProxy {
  /** May be changed at any time; counts for the requests that come then. */
  faults: HttpFaults
  readonly url: string
  readonly #server: Server
  readonly #target: URL
  readonly #random: Random
  readonly #clock: Clock
  readonly #agent = new Agent({ keepAlive: true })
  readonly #counts = { requests: 0, answered503: 0, lostResponses: 0, forwarded: 0 }
  #puts = 0

  /** `target`: the store's URL. */
  static async start(options: {
    target: string
    seed: number
    faults?: HttpFaults
    clock?: Clock
  }): Promise<FaultyHttpProxy> {
    const server = createServer()
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject).listen(0, '127.0.0.1', resolve)
    })
    const { target, seed, faults = NO_HTTP_FAULTS, clock = systemClock } = options
    return new FaultyHttpProxy(server, new URL(target), faults, seededRandom(seed), clock)
  }

  private constructor(server: Server, target: URL, faults: HttpFaults, random: Random, clock: Clock) {
    this.#server = server
    this.#target = target
    this.#random = random
    this.#clock = clock
    this.faults = faults
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    server.on('request', (incoming, outgoing) => {
      this.#handle(incoming, outgoing).catch(() => outgoing.destroy())
    })
  }

  get counts(): HttpFaultCounts {
    return { ...this.#counts }
  }

  async stop(): Promise<void> {
    this.#agent.destroy()
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  async #handle(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const { status503_fraction, loseResponseOfEveryNthPut, latency_ms } = this.faults
    this.#counts.requests += 1
    if (this.#random.unit() < status503_fraction) {
      this.#counts.answered503 += 1
      incoming.resume()
      outgoing.writeHead(503, { 'content-type': 'application/xml' }).end(incoming.method === 'HEAD' ? '' : SLOW_DOWN)
      return
    }
    if (latency_ms > 0) await this.#clock.sleep(latency_ms)
    const answer = await this.#forward(incoming)
    this.#counts.forwarded += 1
    if (incoming.method === 'PUT' && loseResponseOfEveryNthPut > 0 && ++this.#puts % loseResponseOfEveryNthPut === 0) {
      this.#counts.lostResponses += 1
      answer.resume()
      outgoing.destroy()
      return
    }
    outgoing.writeHead(answer.statusCode ?? 502, answer.rawHeaders)
    await pipeline(answer, outgoing)
  }

  #forward(incoming: IncomingMessage): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const { hostname, port } = this.#target
      const { method, url: path, rawHeaders: headers } = incoming
      const onward = request({ hostname, port, method, path, headers, agent: this.#agent }, resolve)
      onward.on('error', reject)
      pipeline(incoming, onward).catch(reject)
    })
  }
}
