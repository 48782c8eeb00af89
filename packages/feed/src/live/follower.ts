import type { Clock, Random } from '@assay/core'
import type { Exchange } from '@assay/exchanges'
import type { FeedEvent } from '../feed-event.js'
import { Connection } from './connection.js'
import type { ConnectSocket } from './socket.js'

const BACKOFF_MIN_MS = 1_000
const BACKOFF_MAX_MS = 60_000
/** A connection that lived so long was a good one: the next failure is a first one. */
const STABLE_MS = 60_000

interface FollowerParts {
  readonly exchange: Exchange
  readonly symbols: readonly string[]
  readonly connect: ConnectSocket
  readonly clock: Clock
  readonly random: Random
  readonly onText: (text: string) => void
  readonly onEvent: (event: FeedEvent) => void
}

/**
 * Keeps a connection to an exchange: makes another when it is lost, with growing pauses, and before the exchange
 * ends it for its age; then both deliver for a moment, and gold drops what came twice.
 */
export class Follower {
  readonly #parts: FollowerParts
  readonly #connections = new Set<Connection>()
  #isPaused = false
  #failures = 0
  /** Since when there has been no feed, as far as events have not told it. */
  #down_ms: number | undefined

  constructor(parts: FollowerParts) {
    this.#parts = parts
  }

  pause(): void {
    this.#isPaused = true
    for (const connection of this.#connections) connection.pause()
  }

  resume(): void {
    this.#isPaused = false
    for (const connection of this.#connections) connection.resume()
  }

  /** Name of the youngest connection that has been open for so long; undefined without one. */
  listening(for_ms: number): string | undefined {
    return [...this.#connections].findLast((connection) => connection.age_ms >= for_ms && !connection.isEnded)?.id
  }

  async run(signal: AbortSignal): Promise<void> {
    const stopped = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
    this.#down_ms = this.#parts.clock.monotonic_ms()
    let current = this.#connect()
    while (!signal.aborted) {
      await Promise.race([current.ended, current.ripened, stopped])
      if (signal.aborted) break
      if (current.isEnded) {
        await this.#pauseAfter(current, signal)
        if (!signal.aborted) current = this.#connect()
        continue
      }
      const next = this.#connect()
      if (await Promise.race([next.opened, stopped])) {
        current.close('replaced by a younger connection')
        current = next
      } else await this.#pauseAfter(next, signal)
    }
    for (const connection of this.#connections) connection.close('stopped')
  }

  #connect(): Connection {
    const { exchange, symbols, connect, clock, random, onText } = this.#parts
    const connection = new Connection({ live: exchange.live, id: random.uuid(), symbols, connect, clock, onText })
    this.#connections.add(connection)
    if (this.#isPaused) connection.pause()
    void connection.opened.then((isOpen) => {
      if (isOpen) this.#onOpened()
    })
    void connection.ended.then(() => this.#onEnded(connection))
    return connection
  }

  #onOpened(): void {
    if (this.#down_ms === undefined) return
    this.#parts.onEvent({
      kind: 'connected',
      exchange: this.#parts.exchange.name,
      outage_seconds: this.#untoldOutage_seconds(),
    })
    this.#down_ms = undefined
  }

  #onEnded(connection: Connection): void {
    this.#connections.delete(connection)
    if (this.#connections.size === 0) this.#down_ms ??= this.#parts.clock.monotonic_ms()
  }

  async #pauseAfter(connection: Connection, signal: AbortSignal): Promise<void> {
    const { clock, random, exchange, onEvent } = this.#parts
    const reason = await connection.ended
    if (connection.age_ms >= STABLE_MS) this.#failures = 0
    const limit_ms = Math.min(BACKOFF_MAX_MS, BACKOFF_MIN_MS * 2 ** this.#failures++)
    const retry_ms = limit_ms * (0.5 + random.unit() / 2)
    onEvent({
      kind: 'disconnected',
      exchange: exchange.name,
      reason,
      retry_ms,
      outage_seconds: this.#untoldOutage_seconds(),
      is_down: this.#down_ms !== undefined,
    })
    await clock.sleep(retry_ms, signal)
  }

  #untoldOutage_seconds(): number {
    if (this.#down_ms === undefined) return 0
    const now_ms = this.#parts.clock.monotonic_ms()
    const seconds = (now_ms - this.#down_ms) / 1000
    this.#down_ms = now_ms
    return seconds
  }
}
