/**
 * Client of Toxiproxy's HTTP API (https://github.com/Shopify/toxiproxy#http-api). Toxics work on the stream from the
 * server unless told `upstream`.
 */
export class ToxiproxyClient {
  readonly #url: string

  constructor(url: string) {
    this.#url = url
  }

  /** A proxy on a free port of 127.0.0.1 in front of `upstream` (`host:port`). */
  async createProxy(name: string, upstream: string): Promise<ToxicProxy> {
    const body = { name, listen: '127.0.0.1:0', upstream, enabled: true }
    const { listen } = (await call(`${this.#url}/proxies`, 'POST', body)) as { listen: string }
    return new ToxicProxy(`${this.#url}/proxies/${name}`, listen)
  }
}

/** What may be done to a connection; times in ms. `timeout` 0 keeps the connection open and lets nothing through. */
export type Toxic =
  | { readonly type: 'latency'; readonly attributes: { readonly latency: number; readonly jitter?: number } }
  | { readonly type: 'reset_peer' | 'timeout'; readonly attributes: { readonly timeout: number } }

export class ToxicProxy {
  /** `host:port` to connect to. */
  readonly address: string
  readonly #url: string

  constructor(url: string, address: string) {
    this.#url = url
    this.address = address
  }

  async addToxic(name: string, toxic: Toxic, stream: 'upstream' | 'downstream' = 'downstream'): Promise<void> {
    await call(`${this.#url}/toxics`, 'POST', { name, stream, ...toxic })
  }

  async removeToxic(name: string): Promise<void> {
    await call(`${this.#url}/toxics/${name}`, 'DELETE')
  }

  /** Refuses connections and cuts those that are open. */
  async down(): Promise<void> {
    await call(this.#url, 'POST', { enabled: false })
  }

  async up(): Promise<void> {
    await call(this.#url, 'POST', { enabled: true })
  }
}

const ANSWER_MS = 5_000

async function call(url: string, method: string, body?: unknown): Promise<unknown> {
  const response = await fetch(url, {
    method,
    signal: AbortSignal.timeout(ANSWER_MS),
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })
  const text = await response.text()
  if (!response.ok) throw new Error(`toxiproxy answered ${response.status} to ${method} ${url}: ${text}`)
  return text === '' ? undefined : JSON.parse(text)
}
