import { numberAt, wordsOf } from '@assay/core'
import { z } from 'zod'
import { badCheckpoint, type StateMembers } from '../checkpoint/checkpoint.js'

/** What is known of the event times of a lane, µs since 1970 UTC. */
export interface LaneClockState {
  /** The greatest that is trusted. */
  readonly greatest_us: bigint | undefined
  /** One that is too far ahead of it to be trusted before the next row bears it out. */
  readonly candidate_us: bigint | undefined
}

/** A time that far ahead of a lane's is not trusted before the next one bears it out: what gold and candles go by. */
export const CLOCK_JUMP_MS = 300_000

export const NEW_CLOCK: LaneClockState = { greatest_us: undefined, candidate_us: undefined }

const bigintText = z
  .string()
  .regex(/^-?\d{1,19}$/)
  .transform(BigInt)
  .optional()
const members = z.object({ greatest_us: bigintText, candidate_us: bigintText })

/** Reads the clock out of the state of a lane; throws `bad_checkpoint`, which names `what`, when it isn't one. */
export function readClock(state: StateMembers | undefined, what: string): LaneClockState {
  const { success, data, error } = members.safeParse(state ?? {})
  if (success) return { greatest_us: data.greatest_us, candidate_us: data.candidate_us }
  throw badCheckpoint(what, error)
}

/** The members that the state of a lane holds a clock in, as texts; one without a value is taken out. */
export function clockMembers({ greatest_us, candidate_us }: LaneClockState): StateMembers {
  return { greatest_us: greatest_us?.toString(), candidate_us: candidate_us?.toString() }
}

/** The clock after `rows` of a column of event times, µs, in the order of their offsets. */
export function observeTimes(
  before: LaneClockState,
  times: BigInt64Array,
  rows: Uint32Array,
  jump_us: number,
): LaneClockState {
  const words = wordsOf(times)
  const clock = new LaneClock(before, jump_us)
  for (let k = 0; k < rows.length; k++) clock.take(numberAt(words, rows[k] as number))
  return clock.state
}

/**
 * The greatest trusted event time of a lane. A time further ahead than the jump, and a lane's first, is only a
 * candidate: the next other time that isn't that far behind it bears it out, and the lower of the two is trusted; any
 * other drops it. So one wrong value never makes the rows after it late, even where the records' Kafka timestamps are
 * their event times. The same time again says nothing: it may be the same record. Exact within ±2^53 µs of 1970 (the
 * years 1684 to 2255), beyond that the nearest double. Silver goes by it for lateness, candles for their watermarks.
 */
export class LaneClock {
  /** Minus infinity before the first. */
  #greatest_us: number
  /** NaN for none: whatever is compared with it is false. */
  #candidate_us: number
  readonly #jump_us: number | undefined

  /** Without a jump every time is trusted at once. */
  constructor({ greatest_us, candidate_us }: LaneClockState, jump_us: number | undefined) {
    this.#greatest_us = greatest_us === undefined ? Number.NEGATIVE_INFINITY : Number(greatest_us)
    this.#candidate_us = candidate_us === undefined ? Number.NaN : Number(candidate_us)
    this.#jump_us = jump_us
  }

  get state(): LaneClockState {
    return {
      greatest_us: Number.isFinite(this.#greatest_us) ? BigInt(this.#greatest_us) : undefined,
      candidate_us: Number.isNaN(this.#candidate_us) ? undefined : BigInt(this.#candidate_us),
    }
  }

  /** Takes the next row's time; says how far it lies behind what was trusted before, zero or less if it doesn't. */
  take(time_us: number): number {
    const behind_us = this.#greatest_us - time_us
    if (behind_us < 0) this.#advance(time_us)
    else if (this.#isFarBehindCandidate(time_us)) this.#candidate_us = Number.NaN
    return behind_us
  }

  #advance(time_us: number): void {
    const jump_us = this.#jump_us
    if (jump_us === undefined) {
      this.#greatest_us = time_us
      return
    }
    const candidate_us = this.#candidate_us
    if (candidate_us === time_us) return
    if (!Number.isNaN(candidate_us) && !this.#isFarBehindCandidate(time_us)) {
      this.#greatest_us = Math.min(candidate_us, time_us)
    }
    this.#candidate_us = Number.NaN
    if (time_us > this.#greatest_us + jump_us) this.#candidate_us = time_us
    else this.#greatest_us = Math.max(this.#greatest_us, time_us)
  }

  #isFarBehindCandidate(time_us: number): boolean {
    return time_us < this.#candidate_us - (this.#jump_us ?? 0)
  }
}
