import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'

/** What a registry holds for an id. */
export interface HeldSchema {
  readonly schema: string
  readonly schemaType?: string
  readonly references?: readonly { readonly name: string; readonly subject: string; readonly version: number }[]
}

/** A server with the reading half of the Confluent API, over what a test puts into it. */
export class ConfluentServer {
  readonly ids = new Map<number, HeldSchema>()
  /** By `<subject>/<version>`. */
  readonly versions = new Map<string, HeldSchema>()
  /** Status instead of an answer, by path. */
  readonly refused = new Map<string, number>()
  readonly requests: string[] = []
  readonly #server: Server

  private constructor(server: Server) {
    this.#server = server
  }

  static async start(): Promise<ConfluentServer> {
    const server = createServer((incoming, outgoing) => {
      const [status, body] = own.#answer(incoming)
      outgoing.writeHead(status, { 'content-type': 'application/vnd.schemaregistry.v1+json' }).end(JSON.stringify(body))
    })
    const own = new ConfluentServer(server)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return own
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #answer({ url = '' }: IncomingMessage): [status: number, body: object] {
    this.requests.push(url)
    const refused = this.refused.get(url)
    if (refused !== undefined) return [refused, { error_code: refused * 100 + 1, message: 'refused' }]
    const [, id] = /^\/schemas\/ids\/(\d+)$/.exec(url) ?? []
    const [, subject, version] = /^\/subjects\/([^/]+)\/versions\/(\d+)$/.exec(url) ?? []
    const held = id ? this.ids.get(Number(id)) : this.versions.get(`${decodeURIComponent(subject ?? '')}/${version}`)
    return held ? [200, held] : [404, { error_code: 40403, message: 'Schema not found' }]
  }
}
