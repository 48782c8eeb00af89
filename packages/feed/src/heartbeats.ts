import { createHash } from 'node:crypto'
import type { Clock } from '@assay/core'
import { type Exchange, HEARTBEATS } from '@assay/exchanges'
import type { FeedEvent } from './feed-event.js'
import { FeedProducer, type FeedTarget } from './feed-producer.js'

/** How often a quiet connection says that it is there. */
export const HEARTBEAT_MS = 1_000
/** After a failure none is tried for so long, and so often it is told. */
const RETRY_MS = 10_000
const TELL_MS = 60_000
const HASH_DIGITS = 16

/**
 * Says in the log that a connection to an exchange is up while no trade comes, so that those who wait for trades know
 * that there are none. What fails is told and left out: trades never wait for it.
 */
export class Heartbeats {
  readonly #target: FeedTarget & { readonly clock: Clock }
  readonly #exchange: Exchange
  readonly #onEvent: (event: FeedEvent) => void
  readonly #subscriptions: string
  readonly #hash: string
  #producer: FeedProducer | undefined
  #isWriting = false
  /** The connection whose subscriptions were told. */
  #known: string | undefined
  #failed_ms = Number.NEGATIVE_INFINITY
  #told_ms = Number.NEGATIVE_INFINITY

  constructor(
    target: FeedTarget & { readonly clock: Clock },
    exchange: Exchange,
    symbols: readonly string[],
    onEvent: (event: FeedEvent) => void,
  ) {
    this.#target = target
    this.#exchange = exchange
    this.#onEvent = onEvent
    this.#subscriptions = JSON.stringify([...symbols].sort())
    this.#hash = createHash('sha256').update(this.#subscriptions).digest('hex').slice(0, HASH_DIGITS)
  }

  /**
   * To be called when everything that the connection gave is in the log. Returns at once; left out while the one before
   * is on its way. After the abort failures say nothing: the log is closed then.
   */
  beat(connection: string, signal: AbortSignal): void {
    const { clock } = this.#target
    if (signal.aborted || this.#isWriting || clock.monotonic_ms() - this.#failed_ms < RETRY_MS) return
    this.#isWriting = true
    void this.#write(connection, Math.floor(clock.now_ms()))
      .catch((error: unknown) => {
        if (!signal.aborted) this.#fail(error)
      })
      .finally(() => {
        this.#isWriting = false
      })
  }

  /** The time was read before the log is asked for its ends: these lie behind all that came before it. */
  async #write(connection: string, now_ms: number): Promise<void> {
    const { name, topic } = this.#exchange
    const lanes = await this.#target.log.lanes(topic)
    this.#producer ??= await FeedProducer.open({ ...this.#target, topicPartitions: 1 }, HEARTBEATS)
    const event_time_us = BigInt(now_ms) * 1000n
    const record = {
      exchange: name,
      connection_id: connection,
      subscriptions_hash: this.#hash,
      subscriptions: this.#known === connection ? null : this.#subscriptions,
      exchange_time_us: null,
      feed_time_us: event_time_us,
      offsets: `[${lanes.map(({ end }) => end).join(',')}]`,
    }
    this.#producer.add({ key: Buffer.from(name), record, event_time_us })
    await this.#producer.flush()
    this.#known = connection
  }

  #fail(error: unknown): void {
    // Later it would say that nothing came until then.
    this.#producer?.dropFailed()
    this.#failed_ms = this.#target.clock.monotonic_ms()
    if (this.#failed_ms - this.#told_ms < TELL_MS) return
    this.#told_ms = this.#failed_ms
    this.#onEvent({ kind: 'heartbeats_failed', exchange: this.#exchange.name, error })
  }
}
