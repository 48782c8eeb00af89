import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import type { Exchange } from '@assay/exchanges'
import { type WebSocket, WebSocketServer } from 'ws'

/** A stand-in for an exchange: plays what a test tells it to each client that connects. */
export class LiveServer {
  readonly #port: number
  #server: WebSocketServer | undefined
  /** Texts that clients sent. */
  readonly received: string[] = []
  connections = 0

  private constructor(port: number) {
    this.#port = port
  }

  static async open(onClient: (client: WebSocket, connection: number) => void): Promise<LiveServer> {
    const first = new WebSocketServer({ host: '127.0.0.1', port: 0 })
    await once(first, 'listening')
    const server = new LiveServer((first.address() as AddressInfo).port)
    server.#attend(first, onClient)
    return server
  }

  /** Listens again on the same port after `close`. */
  async reopen(onClient: (client: WebSocket, connection: number) => void): Promise<void> {
    const again = new WebSocketServer({ host: '127.0.0.1', port: this.#port })
    await once(again, 'listening')
    this.#attend(again, onClient)
  }

  get clients(): ReadonlySet<WebSocket> {
    return this.#server?.clients ?? new Set()
  }

  /** Ends all connections and refuses new ones. */
  async close(): Promise<void> {
    const server = this.#server
    if (!server) return
    this.#server = undefined
    for (const client of server.clients) client.terminate()
    await new Promise((resolve) => server.close(resolve))
  }

  /** The exchange, but with its feed here and with a silence that tests can wait for. */
  standsFor(exchange: Exchange, more: Partial<Exchange['live']> = {}): Exchange {
    const { live } = exchange
    const connect = (symbols: readonly string[]) => ({
      ...live.connect(symbols),
      url: `ws://127.0.0.1:${this.#port}/?${symbols.join(',')}`,
    })
    return { ...exchange, live: { ...live, silence_ms: 300, ...more, connect } }
  }

  #attend(server: WebSocketServer, onClient: (client: WebSocket, connection: number) => void): void {
    this.#server = server
    server.on('connection', (client) => {
      client.on('message', (data) => this.received.push(data.toString()))
      client.on('error', () => undefined)
      onClient(client, ++this.connections)
    })
  }
}
