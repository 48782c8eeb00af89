import { type LaneKey, laneKey, parseLaneKey, START } from '@assay/core'
import type { EventLog } from '@assay/event-log'
import type { Exchange } from '@assay/exchanges'
import {
  advanceWatermark,
  type Checkpoint,
  CLOCK_JUMP_MS,
  drainWatermark,
  generationName,
  isReplayLane,
  type LaneCheckpoint,
  readClock,
  type WatermarkLane,
} from '@assay/pipeline'
import { Heard, type HeartbeatSource } from './heard.js'
import { PANE } from './measures/sizes.js'
import type { CandleState } from './tables/candle-state.js'

/** How far a watermark stays behind the newest trusted time. */
const DELAY_MS = 1_000
const IDLE_TIMEOUT_MS = 30_000
/** How often the log is asked where its lanes end. */
const LOG_LOOK_MS = 1_000

interface LogEnd {
  readonly key: LaneKey
  readonly start: bigint
  readonly end: bigint
}

/**
 * Follows how far each exchange's trades are known: its watermark. A lane is idle when candles have read what the log
 * holds of it to its end, so that no lane that is stopped, or waits for something in a layer between, ever is.
 */
export class Progress {
  readonly #log: Pick<EventLog, 'lanes'>
  readonly #exchanges: readonly Exchange[]
  readonly #heard: Heard
  readonly #idleSince_ms = new Map<LaneKey, number>()
  #ends: ReadonlyMap<string, readonly LogEnd[]> = new Map()
  #looked_ms = Number.NEGATIVE_INFINITY

  constructor(log: Pick<EventLog, 'lanes'>, exchanges: readonly Exchange[], heartbeats: HeartbeatSource) {
    this.#log = log
    this.#heard = new Heard(heartbeats, exchanges)
    this.#exchanges = exchanges
  }

  /** Asks the log, at most once a second. */
  async look(now_ms: number): Promise<void> {
    if (now_ms - this.#looked_ms < LOG_LOOK_MS && now_ms >= this.#looked_ms) return
    const ends = new Map<string, readonly LogEnd[]>()
    for (const { topic } of this.#exchanges) {
      const statuses = await this.#log.lanes(topic)
      ends.set(
        topic,
        statuses.map(({ lane, start, end }) => ({ key: laneKey(lane), start, end })),
      )
    }
    await this.#heard.listen()
    this.#ends = ends
    this.#looked_ms = now_ms
  }

  /** The watermarks after these lanes were read; by exchange as rows name it. */
  watermarks(lanes: Checkpoint['lanes'], state: CandleState, now_ms: number, drained: boolean): Map<string, bigint> {
    const after = new Map(state.watermarks)
    for (const exchange of this.#exchanges) {
      const name = exchange.name.toUpperCase()
      const before = state.watermarks.get(name)
      const own = this.#lanesOf(exchange, lanes, now_ms)
      const limits = { delay_ms: DELAY_MS, idle_timeout_ms: IDLE_TIMEOUT_MS, jump_ms: CLOCK_JUMP_MS }
      const reached = drained
        ? drainWatermark(before, own, PANE)
        : later(
            advanceWatermark(before, own, limits, { now_ms, taken_ms: state.taken_ms.get(name) }),
            this.#heardUntil_us(exchange, lanes, now_ms),
          )
      if (reached !== undefined) after.set(name, reached)
    }
    return after
  }

  /** The watermark by heartbeats: the way to the feed may take a trade as long as the delay, and so may its disorder. */
  #heardUntil_us(exchange: Exchange, lanes: Checkpoint['lanes'], now_ms: number): bigint | undefined {
    const ends = this.#ends.get(exchange.topic) ?? []
    const positions = ends.map(({ key }) => newestGeneration(lanes, key)?.position ?? START)
    const until_us = this.#heard.heardUntil_us(exchange, positions, now_ms, CLOCK_JUMP_MS)
    return until_us === undefined ? undefined : until_us - 2n * BigInt(DELAY_MS) * 1000n
  }

  #lanesOf({ topic }: Exchange, lanes: Checkpoint['lanes'], now_ms: number): WatermarkLane[] {
    return (this.#ends.get(topic) ?? []).map(({ key, start, end }) => {
      const own = newestGeneration(lanes, key)
      const isAtEnd = own ? own.position >= end : end === start || end === START
      if (!isAtEnd) this.#idleSince_ms.delete(key)
      else if (!this.#idleSince_ms.has(key)) this.#idleSince_ms.set(key, now_ms)
      const clock = readClock(own?.state, "the candles' state of a lane")
      return { ...clock, live: true, idle_since_ms: this.#idleSince_ms.get(key) }
    })
  }
}

function later(a: bigint | undefined, b: bigint | undefined): bigint | undefined {
  return a === undefined || (b !== undefined && b > a) ? b : a
}

/** The lane under the name that its rows carry: once a topic was made again, the one with the greatest number. */
export function newestGeneration(lanes: Checkpoint['lanes'], key: LaneKey): LaneCheckpoint | undefined {
  const { topic, partition } = parseLaneKey(key)
  let newest = lanes.get(key)
  for (let n = 2; ; n++) {
    const next = lanes.get(laneKey({ topic: generationName(topic, n), partition }))
    if (!next) return newest
    newest = next
  }
}

/** True of a lane that has a clock. */
export function hasClock(key: LaneKey): boolean {
  return !isReplayLane(parseLaneKey(key))
}
