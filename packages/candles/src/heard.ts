import type { Exchange } from '@assay/exchanges'

/** What a feed says while no trade comes. */
export interface Heartbeat {
  /** The exchange, in lower case. */
  readonly exchange: string
  /** What the exchange gave before this time, µs since 1970, … */
  readonly time_us: bigint
  /** … is in its topic below these offsets, by partition. */
  readonly offsets: readonly bigint[]
}

export interface HeartbeatSource {
  /** Those that have come since the last call. */
  read(): Promise<readonly Heartbeat[]>
}

/** Heartbeats of an exchange that wait for their offsets to be passed. */
const WAITING_MAX = 100

/** The heartbeats of each exchange. One counts once everything was read that had come before it. */
export class Heard {
  readonly #source: HeartbeatSource
  /** By exchange, the oldest first; of those with the same offsets only the newest. */
  readonly #waiting: Map<string, readonly Heartbeat[]>
  readonly #counted_us = new Map<string, bigint>()

  constructor(source: HeartbeatSource, exchanges: readonly Exchange[]) {
    this.#source = source
    this.#waiting = new Map(exchanges.map(({ name }) => [name, []]))
  }

  async listen(): Promise<void> {
    for (const heartbeat of await this.#source.read()) {
      const waiting = this.#waiting.get(heartbeat.exchange)
      if (!waiting) continue
      const isSame = waiting.at(-1)?.offsets.join() === heartbeat.offsets.join()
      const before = isSame ? waiting.slice(0, -1) : waiting
      this.#waiting.set(heartbeat.exchange, [...before.slice(1 - WAITING_MAX), heartbeat])
    }
  }

  /**
   * The time before which all trades of the exchange were read, µs, by what heartbeats say; `positions` are how far its
   * topic was, by partition. A time further ahead of `now_ms` than the jump is no time, one that is ahead is now.
   */
  heardUntil_us({ name }: Exchange, positions: readonly bigint[], now_ms: number, jump_ms: number): bigint | undefined {
    const isPassed = ({ offsets }: Heartbeat): boolean =>
      positions.length === offsets.length && offsets.every((offset, i) => offset <= (positions[i] as bigint))
    const waiting = this.#waiting.get(name) ?? []
    this.#waiting.set(
      name,
      waiting.filter((one) => !isPassed(one)),
    )
    const now_us = BigInt(Math.floor(now_ms)) * 1000n
    for (const { time_us } of waiting.filter(isPassed)) {
      if (time_us > now_us + BigInt(jump_ms) * 1000n) continue
      const until_us = time_us < now_us ? time_us : now_us
      if (until_us > (this.#counted_us.get(name) ?? until_us - 1n)) this.#counted_us.set(name, until_us)
    }
    return this.#counted_us.get(name)
  }
}
