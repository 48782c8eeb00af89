import { type Clock, OutageError } from '@assay/core'
import { asObject, type JsonObject, parseJson } from '../format/json.js'

/** A bearer token as it is, or an OAuth2 client's `id:secret` (or secret alone) to get tokens with. */
export interface RestSecrets {
  readonly token?: string
  readonly credential?: string
}

interface TokenReply {
  readonly status: number
  readonly text: string
}

/** Where the catalog's address, or what stands before it, is wrong. */
const HINT =
  'check that ASSAY_CATALOG_URL is the catalog and that it issues tokens itself; otherwise give ASSAY_CATALOG_TOKEN'

/** Part of a token's life after which it is replaced. */
const USED_FOR = 0.8
const LIFE_S_UNSAID = 3_600

/**
 * Gives the `Authorization` header's value. With a credential, tokens come from the catalog's `v1/oauth/tokens`
 * (OAuth 2.0 client credentials, RFC 6749 section 4.4) and are renewed before they end.
 */
export class RestAuth {
  readonly #secrets: RestSecrets
  readonly #clock: Clock
  readonly #request: (form: string) => Promise<TokenReply>
  #renewed: Promise<{ readonly token: string; readonly until_ms: number }> | undefined

  constructor(secrets: RestSecrets, clock: Clock, request: (form: string) => Promise<TokenReply>) {
    this.#secrets = secrets
    this.#clock = clock
    this.#request = request
  }

  async header(): Promise<string | undefined> {
    const { token, credential } = this.#secrets
    if (credential === undefined) return token === undefined ? undefined : `Bearer ${token}`
    const known = await this.#renewed
    if (!known || known.until_ms <= this.#clock.monotonic_ms()) this.#renew(credential)
    return `Bearer ${(await this.#renewed)?.token}`
  }

  /** After a refused token. True when another one can be had. */
  forget(): boolean {
    this.#renewed = undefined
    return this.#secrets.credential !== undefined
  }

  /** One request serves all callers that wait; a failed one is not kept. */
  #renew(credential: string): void {
    const renewed = this.#fetchToken(credential)
    this.#renewed = renewed
    renewed.catch(() => {
      if (this.#renewed === renewed) this.#renewed = undefined
    })
  }

  async #fetchToken(credential: string): Promise<{ readonly token: string; readonly until_ms: number }> {
    const colon = credential.indexOf(':')
    const form = new URLSearchParams({ grant_type: 'client_credentials', scope: 'catalog' })
    if (colon >= 0) form.set('client_id', credential.slice(0, colon))
    form.set('client_secret', credential.slice(colon + 1))
    const asked_ms = this.#clock.monotonic_ms()
    const { status, text } = await this.#request(form.toString())
    const reply = replyIn(text)
    if ((status === 400 || status === 401 || status === 403) && reply && 'error' in reply) {
      throw new OutageError('catalog_denied', `the catalog gave no token for the credential (status ${status})`, {
        hint: 'check ASSAY_CATALOG_CREDENTIAL, and what the client may do in the catalog',
      })
    }
    if (status !== 200) {
      const message = `the catalog answered status ${status} to a request for a token`
      throw new OutageError('catalog_unavailable', message, { hint: HINT })
    }
    if (typeof reply?.access_token !== 'string' || reply.access_token === '') {
      const message = 'the catalog answered a request for a token without one'
      throw new OutageError('catalog_answer_unreadable', message, { hint: HINT })
    }
    const life_s = typeof reply.expires_in === 'number' ? reply.expires_in : LIFE_S_UNSAID
    return { token: reply.access_token, until_ms: asked_ms + life_s * 1_000 * USED_FOR }
  }
}

function replyIn(text: string): JsonObject | undefined {
  try {
    return asObject(parseJson(text), 'the reply with a token')
  } catch {
    return undefined
  }
}
