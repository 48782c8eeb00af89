/** What is known of the event times of a lane, µs. */
export interface LaneClockState {
  readonly greatest_us: bigint | undefined
  readonly candidate_us: bigint | undefined
}

/**
 * The greatest trusted event time of a lane. A time further ahead than the jump, and a lane's first, is only a
 * candidate: the next other time that isn't that far behind it bears it out, and the lower of the two is trusted; any
 * other drops it. So one wrong value never makes the rows after it late, even where the records' Kafka timestamps are
 * their event times. The same time again says nothing: it may be the same record.
 */
export class LaneClock {
  #greatest_us: number
  #candidate_us: number | undefined
  readonly #jump_us: number | undefined

  /** Without a jump every time is trusted at once. */
  constructor({ greatest_us, candidate_us }: LaneClockState, jump_us: number | undefined) {
    this.#greatest_us = greatest_us === undefined ? Number.NEGATIVE_INFINITY : Number(greatest_us)
    this.#candidate_us = candidate_us === undefined ? undefined : Number(candidate_us)
    this.#jump_us = jump_us
  }

  get state(): LaneClockState {
    return {
      greatest_us: Number.isFinite(this.#greatest_us) ? BigInt(this.#greatest_us) : undefined,
      candidate_us: this.#candidate_us === undefined ? undefined : BigInt(this.#candidate_us),
    }
  }

  /** Takes the next row's time; says how far it lies behind what was trusted before, zero or less if it doesn't. */
  take(time_us: number): number {
    const behind_us = this.#greatest_us - time_us
    if (behind_us < 0) this.#advance(time_us)
    else if (this.#isFarBehindCandidate(time_us)) this.#candidate_us = undefined
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
    if (candidate_us !== undefined && !this.#isFarBehindCandidate(time_us)) {
      this.#greatest_us = Math.min(candidate_us, time_us)
    }
    this.#candidate_us = undefined
    if (time_us > this.#greatest_us + jump_us) this.#candidate_us = time_us
    else this.#greatest_us = Math.max(this.#greatest_us, time_us)
  }

  #isFarBehindCandidate(time_us: number): boolean {
    return this.#candidate_us !== undefined && time_us < this.#candidate_us - (this.#jump_us ?? 0)
  }
}
