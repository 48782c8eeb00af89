import { backOff_ms, type Clock, HttpFailure, type Random, requestText, withoutSecrets } from '@assay/core'
import { readAnswer } from './registry-answer.js'
import type { RegistryProblem } from './registry-problems.js'

export type RegistryAuth = { readonly user: string; readonly password: string } | { readonly token: string }

interface RegistryClientOptions {
  readonly url: string
  readonly auth?: RegistryAuth
  /** For one request, from connecting to the last byte of the answer. */
  readonly timeout_ms: number
  /** Times that a call is tried before it is an outage. */
  readonly attemptsMax: number
  readonly clock: Clock
  readonly random: Random
}

type Answer = { readonly kind: 'answered'; readonly body: object } | RegistryProblem

const ANSWER_BYTES_MAX = 4 * 1024 * 1024
const FIRST_PAUSE_MS = 100
const MEDIA_TYPE = 'application/vnd.schemaregistry.v1+json'

/** HTTP to one registry: address, credentials, limits, answers that hold no secret. */
export class RegistryClient {
  readonly #options: RegistryClientOptions
  readonly #base: string
  readonly #authorization: string | undefined
  readonly #secrets: readonly string[]

  constructor(options: RegistryClientOptions) {
    const { url, auth } = options
    this.#options = options
    this.#base = url.replace(/\/+$/, '')
    this.#authorization = auth && authorizationOf(auth)
    const secret = auth && ('token' in auth ? auth.token : auth.password)
    this.#secrets = [this.#authorization?.replace(/^\w+ /, ''), secret].filter((one) => one !== undefined)
  }

  /** The answer's body, or what went wrong. Only for calls that may be repeated without harm. */
  async call(method: 'GET' | 'POST', path: string, body?: object): Promise<Answer> {
    const { clock, random, attemptsMax } = this.#options
    for (let attempt = 1; ; attempt += 1) {
      const answer = await this.#send(method, path, body)
      if (!mayPass(answer) || attempt >= attemptsMax) return answer
      await clock.sleep(backOff_ms(attempt, random, FIRST_PAUSE_MS))
    }
  }

  async #send(method: 'GET' | 'POST', path: string, body: object | undefined): Promise<Answer> {
    const headers = {
      accept: `${MEDIA_TYPE}, application/json`,
      ...(body && { 'content-type': MEDIA_TYPE }),
      ...(this.#authorization !== undefined && { authorization: this.#authorization }),
    }
    const { timeout_ms } = this.#options
    try {
      const request = { method, headers, body: body && JSON.stringify(body) }
      const answer = readAnswer(
        await requestText(`${this.#base}${path}`, request, { timeout_ms, answerBytesMax: ANSWER_BYTES_MAX }),
      )
      if (answer.kind === 'answered') return answer
      return { ...answer, detail: withoutSecrets(answer.detail, this.#secrets) }
    } catch (error) {
      if (!(error instanceof HttpFailure)) throw error
      return { kind: 'away', detail: error.message }
    }
  }
}

function authorizationOf(auth: RegistryAuth): string {
  if ('token' in auth) return `Bearer ${auth.token}`
  return `Basic ${Buffer.from(`${auth.user}:${auth.password}`).toString('base64')}`
}

function mayPass({ kind }: Answer): boolean {
  return kind === 'away' || kind === 'unreadable' || kind === 'barred'
}
