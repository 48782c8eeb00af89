import { AssayError, type Clock, OutageError, type Random, UsageError } from '@assay/core'
import type { JsonObject } from '../format/json.js'
import { RestAuth, type RestSecrets } from './rest-auth.js'
import { isCatalogsWord, type RawReply, type RestReply, replyOf } from './rest-reply.js'
import { backOff_ms } from './retry.js'

export interface RestLimits {
  /** For one request, from connecting to the last byte of the answer. */
  readonly timeout_ms: number
  /** How often a request is made before an outage is declared. */
  readonly attempts: number
  /** A longer answer is refused. */
  readonly responseBytes: number
}

export const defaultRestLimits: RestLimits = { timeout_ms: 20_000, attempts: 6, responseBytes: 64 * 1024 * 1024 }

interface Sent {
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly text?: string
  readonly headers?: Readonly<Record<string, string>>
  /** Whether a body with status 200 has what was asked for. */
  readonly holds: Holds
  /** A body that was believed before: the same again need not be parsed. */
  readonly known?: string | undefined
}

/** Whether a body is the answer to what was asked. */
export type Holds = (body: JsonObject) => boolean

const SAID_MAX = 300
/** Statuses after which the same request may do better: nothing was done, or nobody knows. */
const TRANSIENT: ReadonlySet<number> = new Set([408, 425, 429])

export function isTransient(status: number): boolean {
  return status >= 500 || TRANSIENT.has(status)
}

/** HTTP to one catalog: addresses, tokens, limits, errors that hold no secret. */
export class RestClient {
  readonly #url: URL
  readonly #clock: Clock
  readonly #random: Random
  readonly #limits: RestLimits
  readonly #auth: RestAuth
  readonly #secrets: readonly string[]

  /** Throws `bad_catalog_url`. */
  constructor(
    url: string,
    secrets: RestSecrets,
    { clock, random, limits }: { readonly clock: Clock; readonly random: Random; readonly limits: RestLimits },
  ) {
    this.#url = catalogUrl(url)
    this.#clock = clock
    this.#random = random
    this.#limits = limits
    this.#secrets = [secrets.token, secrets.credential, secrets.credential?.replace(/^[^:]*:/, '')].filter(
      (secret): secret is string => secret !== undefined && secret !== '',
    )
    this.#auth = new RestAuth(secrets, clock, (form) => this.#requestToken(form))
  }

  /**
   * Reads, again and again through outages. What the catalog itself can't have answered counts as one. Throws an
   * `OutageError`: `catalog_unavailable`, `catalog_answer_unreadable`, `catalog_denied`.
   */
  async get(path: string, holds: Holds, more: Pick<Sent, 'headers' | 'known'> = {}): Promise<RestReply> {
    return this.#retried({ method: 'GET', path, holds, ...more })
  }

  /** A request that may be repeated without harm. */
  async postRepeatable(path: string, text: string, holds: Holds): Promise<RestReply> {
    return this.#retried({ method: 'POST', path, text, holds })
  }

  /**
   * One request; an `OutageError` leaves it open whether it was carried out. Only a refused token is renewed and the
   * request made again, since it had not been looked at.
   */
  async post(path: string, text: string, holds: Holds): Promise<RestReply> {
    return this.#authorized({ method: 'POST', path, text, holds })
  }

  /** For errors: a status that no caller expects. */
  unexpected(reply: RestReply, doing: string): AssayError {
    const message = `the catalog answered status ${reply.status} to ${doing}${this.#said(reply)}`
    if (reply.status === 401 || reply.status === 403) {
      return new OutageError('catalog_denied', message, {
        hint: 'check ASSAY_CATALOG_TOKEN or ASSAY_CATALOG_CREDENTIAL, and what they may do in the catalog',
      })
    }
    if (isTransient(reply.status)) return unavailable(message)
    return new AssayError('catalog_refused', message, {
      hint: 'check ASSAY_CATALOG_URL and ASSAY_CATALOG_WAREHOUSE; the catalog must speak the Iceberg REST protocol',
    })
  }

  async #retried(sent: Sent): Promise<RestReply> {
    for (let attempt = 1; ; attempt += 1) {
      const last = attempt >= this.#limits.attempts
      try {
        const reply = await this.#authorized(sent)
        if (!isTransient(reply.status)) return reply
        if (last) throw this.unexpected(reply, `${sent.method} ${this.#shown(sent.path)}`)
      } catch (error) {
        if (last || !(error instanceof OutageError)) throw error
      }
      await this.#clock.sleep(backOff_ms(attempt, this.#random))
    }
  }

  async #authorized(sent: Sent): Promise<RestReply> {
    let reply = await this.#send(sent, await this.#auth.header())
    if (reply.status === 401 && this.#auth.forget()) reply = await this.#send(sent, await this.#auth.header())
    const read = replyOf(reply)
    if (read.status === 200 && read.text === sent.known) return read
    if (isTransient(read.status) || isCatalogsWord(read, sent.holds)) return read
    const { status, type } = reply
    throw unreadable(`status ${status}, ${type}, came for ${sent.method} ${this.#shown(sent.path)}`)
  }

  async #requestToken(form: string): Promise<RawReply> {
    const headers = { 'content-type': 'application/x-www-form-urlencoded' }
    return this.#send({ method: 'POST', path: 'v1/oauth/tokens', text: form, headers, holds: () => true }, undefined)
  }

  async #send({ method, path, text, headers }: Sent, authorization: string | undefined): Promise<RawReply> {
    try {
      const response = await fetch(new URL(path, this.#url), {
        method,
        headers: {
          accept: 'application/json',
          ...(text === undefined ? {} : { 'content-type': 'application/json' }),
          ...headers,
          ...(authorization === undefined ? {} : { authorization }),
        },
        ...(text === undefined ? {} : { body: text }),
        // A secret in a body must not follow a redirection.
        redirect: 'manual',
        signal: AbortSignal.timeout(this.#limits.timeout_ms),
      })
      const etag = response.headers.get('etag') ?? undefined
      const type = (response.headers.get('content-type') ?? 'no content type').slice(0, 60)
      return { status: response.status, text: await this.#bodyOf(response), type, etag }
    } catch (error) {
      // The cause stays out: it may quote the request with its headers.
      throw unavailable(`the catalog did not answer ${method} ${this.#shown(path)} (${reasonOf(error)})`)
    }
  }

  async #bodyOf(response: Response): Promise<string> {
    const parts: Uint8Array[] = []
    let size_bytes = 0
    for await (const part of response.body ?? []) {
      size_bytes += part.length
      if (size_bytes > this.#limits.responseBytes) throw new RangeError('the answer is too long')
      parts.push(part)
    }
    return Buffer.concat(parts).toString('utf8')
  }

  /** The server's own words, without the secrets that it may have repeated. */
  #said({ body }: RestReply): string {
    const error = body?.error
    const message = typeof error === 'object' && error !== null && 'message' in error ? error.message : undefined
    if (typeof message !== 'string') return ''
    let text = message
    for (const secret of this.#secrets) text = text.replaceAll(secret, '***')
    return `: ${text.slice(0, SAID_MAX)}`
  }

  #shown(path: string): string {
    return `${this.#url.origin}${new URL(path, this.#url).pathname}`
  }
}

function catalogUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (!url || !/^https?:$/.test(url.protocol) || url.username !== '' || url.password !== '' || url.search !== '') {
    throw new UsageError('bad_catalog_url', 'the address of the catalog is no plain http or https URL', {
      hint: 'give it as in http://127.0.0.1:19120/iceberg, without user, password and query; secrets go into ASSAY_CATALOG_TOKEN or ASSAY_CATALOG_CREDENTIAL',
    })
  }
  if (!url.pathname.endsWith('/')) url.pathname += '/'
  return url
}

function unavailable(message: string): OutageError {
  return new OutageError('catalog_unavailable', message, {
    hint: 'check that the catalog runs and that ASSAY_CATALOG_URL is its address',
  })
}

function unreadable(what: string): OutageError {
  return new OutageError('catalog_answer_unreadable', `${what}: not what an Iceberg REST catalog answers`, {
    hint: 'check ASSAY_CATALOG_URL, the token or credential, and what stands between here and the catalog (a proxy, a sign-in page)',
  })
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown'
  const code = error.cause instanceof Error && 'code' in error.cause ? error.cause.code : undefined
  return typeof code === 'string' ? code : error.name
}
