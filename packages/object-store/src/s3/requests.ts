import type { Clock, Random } from '@assay/core'
import type { S3Client } from '@aws-sdk/client-s3'
import type { ClientSource } from './client.js'
import { type Fault, faultError, faultOf, localError } from './faults.js'
import { Gate } from './gate.js'
import type { S3Limits } from './options.js'

const FIRST_PAUSE_MS = 50
const PAUSE_MS_MAX = 2_000

export type Reply<T> =
  | { readonly kind: 'done'; readonly value: T }
  | { readonly kind: 'missing'; readonly fault: Fault }
  /** Perhaps by an earlier attempt of the same call. */
  | { readonly kind: 'taken'; readonly fault: Fault }

interface RequestsDependencies {
  readonly clock: Clock
  readonly random: Random
  readonly limits: S3Limits
}

/**
 * Sends requests: so many at once, each tried a few times with growing pauses. The SDK's own retries are off, so
 * that every attempt counts once.
 */
export class Requests {
  readonly #clients: ClientSource
  readonly #clock: Clock
  readonly #random: Random
  readonly #attemptsMax: number
  readonly #gate: Gate

  constructor(clients: ClientSource, { clock, random, limits }: RequestsDependencies) {
    this.#clients = clients
    this.#clock = clock
    this.#random = random
    this.#attemptsMax = limits.attemptsMax
    this.#gate = new Gate(limits.requestsMax)
  }

  /** Runs one request, response body included. Everything that is not a reply is thrown as an `AssayError`. */
  async run<T>(doing: string, key: string, step: (client: S3Client) => Promise<T>): Promise<Reply<T>> {
    for (let attempt = 1; ; attempt += 1) {
      const { client } = this.#clients
      try {
        return { kind: 'done', value: await this.#gate.run(() => step(client)) }
      } catch (error) {
        const local = localError(error, doing, key)
        if (local) throw local
        const fault = faultOf(error)
        if (!fault) throw error
        if (fault.kind === 'missing') return { kind: 'missing', fault }
        if (fault.kind === 'taken') return { kind: 'taken', fault }
        if (fault.kind === 'denied' && (await this.#clients.renew(client)) && attempt < this.#attemptsMax) continue
        if (fault.kind === 'denied' || fault.kind === 'refused' || attempt >= this.#attemptsMax)
          throw faultError(fault, doing, key)
        await this.#pause(attempt)
      }
    }
  }

  /** Runs a request that can't be refused. */
  async done<T>(doing: string, key: string, step: (client: S3Client) => Promise<T>): Promise<T> {
    const reply = await this.run(doing, key, step)
    if (reply.kind === 'done') return reply.value
    throw faultError(reply.fault, doing, key)
  }

  async #pause(attempt: number): Promise<void> {
    const longest_ms = Math.min(PAUSE_MS_MAX, FIRST_PAUSE_MS * 2 ** (attempt - 1))
    // At least half, so that a throttling server is given time; the rest at random, so that rivals part.
    await this.#clock.sleep(longest_ms * (0.5 + this.#random.unit() / 2))
  }
}
