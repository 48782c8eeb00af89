import type { Clock } from '@assay/core'
import type { LiveFeed } from '@assay/exchanges'
import { LINE_BYTES_MAX } from '../lines.js'
import type { ConnectSocket, LiveSocket } from './socket.js'

const HANDSHAKE_MS = 10_000
/** Time between two looks at a peer that seems silent. */
const LOOK_MS = 100

interface ConnectionParts {
  readonly live: LiveFeed
  /** Of this connection, and of no other. */
  readonly id: string
  readonly symbols: readonly string[]
  readonly connect: ConnectSocket
  readonly clock: Clock
  readonly onText: (text: string) => void
}

interface Deferred<T> {
  readonly promise: Promise<T>
  resolve(value: T): void
}

function deferred<T>(): Deferred<T> {
  let resolve: (value: T) => void = () => undefined
  const promise = new Promise<T>((settle) => {
    resolve = settle
  })
  return { promise, resolve }
}

/** One connection to an exchange, from its making to its end; ends by itself when the peer falls silent. */
export class Connection {
  readonly id: string
  readonly #opened = deferred<boolean>()
  readonly #ended = deferred<string>()
  readonly #ripened = deferred<void>()
  readonly #clock: Clock
  readonly #silence_ms: number
  readonly #socket: LiveSocket
  readonly #end = new AbortController()
  #opened_ms: number | undefined
  #lastSign_ms: number
  #isPaused = false

  constructor({ live, id, symbols, connect, clock, onText }: ConnectionParts) {
    this.id = id
    this.#clock = clock
    this.#silence_ms = live.silence_ms
    this.#lastSign_ms = clock.monotonic_ms()
    const { url, subscribe } = live.connect(symbols)
    const limits = { message_bytes: LINE_BYTES_MAX, handshake_ms: HANDSHAKE_MS }
    this.#socket = connect(url, limits, {
      onOpen: () => this.#onOpen(subscribe, live.lifetime_ms),
      onText: (text) => {
        this.#sign()
        if (!this.isEnded) onText(text)
      },
      onPing: () => this.#sign(),
      onClose: (reason) => this.#finish(reason),
    })
    void this.#watch()
  }

  /** True once it is open, false when it ended before. */
  get opened(): Promise<boolean> {
    return this.#opened.promise
  }

  /** The connection's end: resolves to the reason, never rejects. */
  get ended(): Promise<string> {
    return this.#ended.promise
  }

  /** Resolves when it is so old that another should take its place. */
  get ripened(): Promise<void> {
    return this.#ripened.promise
  }

  get isEnded(): boolean {
    return this.#end.signal.aborted
  }

  /** How long it has been open; 0 if it never was. */
  get age_ms(): number {
    return this.#opened_ms === undefined ? 0 : this.#clock.monotonic_ms() - this.#opened_ms
  }

  pause(): void {
    this.#isPaused = true
    this.#socket.pause()
  }

  resume(): void {
    this.#isPaused = false
    this.#sign()
    this.#socket.resume()
  }

  close(reason: string): void {
    if (this.isEnded) return
    this.#finish(reason)
    this.#socket.close()
  }

  #onOpen(subscribe: readonly string[], lifetime_ms: number | undefined): void {
    this.#opened_ms = this.#clock.monotonic_ms()
    this.#sign()
    if (this.#isPaused) this.#socket.pause()
    for (const text of subscribe) this.#socket.send(text)
    this.#opened.resolve(true)
    if (lifetime_ms !== undefined) {
      void this.#clock.sleep(lifetime_ms, this.#end.signal).then(() => this.#ripened.resolve())
    }
  }

  #sign(): void {
    this.#lastSign_ms = this.#clock.monotonic_ms()
  }

  #finish(reason: string): void {
    this.#end.abort()
    this.#opened.resolve(false)
    this.#ended.resolve(reason)
  }

  /**
   * While we are the ones who don't read, silence means nothing. Nor does it at the first look: after a stall of this
   * process the frames that came meanwhile are yet to be read.
   */
  async #watch(): Promise<void> {
    let wasSilent = false
    while (!this.isEnded) {
      const left_ms = this.#lastSign_ms + this.#silence_ms - this.#clock.monotonic_ms()
      const isSilent = left_ms <= 0 && !this.#isPaused
      if (isSilent && wasSilent) return this.close(`silent for ${this.#silence_ms / 1000} s`)
      wasSilent = isSilent
      await this.#clock.sleep(this.#isPaused ? this.#silence_ms : Math.max(left_ms, LOOK_MS), this.#end.signal)
    }
  }
}
