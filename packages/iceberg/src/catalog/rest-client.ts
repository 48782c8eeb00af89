import {
  AssayError,
  backOff_ms,
  type Clock,
  type HttpAnswer,
  HttpFailure,
  OutageError,
  type Random,
  requestText,
  UsageError,
  withoutSecrets,
} from '@assay/core'
import { asObject, type JsonObject } from '../format/json.js'
import { RestAuth, type RestSecrets } from './rest-auth.js'
import { hasConfiguration, isCatalogsWord, type RestReply, replyOf } from './rest-reply.js'

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
type Holds = (body: JsonObject) => boolean

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
      (secret): secret is string => secret !== undefined,
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

  async #requestToken(form: string): Promise<HttpAnswer> {
    const headers = { 'content-type': 'application/x-www-form-urlencoded' }
    return this.#send({ method: 'POST', path: 'v1/oauth/tokens', text: form, headers, holds: () => true }, undefined)
  }

  async #send({ method, path, text, headers }: Sent, authorization: string | undefined): Promise<HttpAnswer> {
    const sent = {
      method,
      headers: {
        accept: 'application/json',
        ...(text === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
        ...(authorization === undefined ? {} : { authorization }),
      },
      body: text,
    }
    const { timeout_ms, responseBytes: answerBytesMax } = this.#limits
    try {
      return await requestText(new URL(path, this.#url), sent, { timeout_ms, answerBytesMax })
    } catch (error) {
      if (!(error instanceof HttpFailure)) throw error
      throw unavailable(`the catalog did not answer ${method} ${this.#shown(path)} (${error.message})`)
    }
  }

  /** The server's own words, without the secrets that it may have repeated. */
  #said({ body }: RestReply): string {
    const error = body?.error
    const message = typeof error === 'object' && error !== null && 'message' in error ? error.message : undefined
    if (typeof message !== 'string') return ''
    return `: ${withoutSecrets(message, this.#secrets).slice(0, SAID_MAX)}`
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

/**
 * What the server's configuration wants before `namespaces` in addresses, with a slash behind it; empty for nothing.
 */
export async function pathPrefix(client: RestClient, path: string): Promise<string> {
  const { defaults, overrides } = await configuration(client, path)
  const { prefix } = { ...asObject(defaults ?? {}, 'defaults'), ...asObject(overrides ?? {}, 'overrides') }
  return typeof prefix === 'string' && prefix !== '' ? `${prefix}/` : ''
}

/** What the catalog refuses at the start, in its own words, is wrong usage; later it is waited out. */
async function configuration(client: RestClient, path: string): Promise<JsonObject> {
  try {
    const reply = await client.get(path, hasConfiguration)
    if (reply.status === 200 && reply.body) return reply.body
    throw client.unexpected(reply, 'a request for its configuration')
  } catch (error) {
    if (!(error instanceof OutageError) || error.code !== 'catalog_denied') throw error
    throw new UsageError(error.code, error.message, error.hint === undefined ? {} : { hint: error.hint })
  }
}
